// SPDX-License-Identifier: Apache-2.0
// Threads to the places that the configuration gives them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "vcpu/cpu_list.hpp"
#include "vcpu/schedule.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// What is asked for one thread, and the words that ask for it.
struct ThreadPlace {
    CpuList cpus{};  ///< host CPUs; empty: as inherited
    Place cpus_where{};
    std::optional<LinuxSchedule> schedule{};  ///< nothing: as inherited
    Place sched_where{};
    bool above_vcpus = false;  ///< nobody asked for the schedule: it is there so that no vCPU starves the thread
    bool operator==(const ThreadPlace&) const = default;
};

/// Of a `cpu` line: `runmask` or `cluster`, and `sched`.
[[nodiscard]] ThreadPlace place_of(const CpuSpec& cpu);

/// Puts thread `tid` (0: the calling one), `name` in messages, into its place: first its CPUs, then its schedule, both
/// read back. What the host refuses is a ConfigError at the word's place that names the limit and what to change. With
/// `best_effort` it is a warning there instead, and the thread keeps what it has of the two.
/// Nothing is said about a thread that has ended.
void place_thread(pid_t tid, const std::string& name, const ThreadPlace& wanted, Log* best_effort = nullptr);

}  // namespace qvm
