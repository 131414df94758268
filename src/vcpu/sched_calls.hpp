// SPDX-License-Identifier: Apache-2.0
// The kernel's calls on the schedule and the CPUs of one thread. A tid of 0 is the calling thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "vcpu/schedule.hpp"

namespace qvm {

/// sched_setattr(2). What the thread forks starts with SCHED_OTHER again: neither a helper process nor a worker that
/// the kernel makes on the thread's behalf is to run at its priority, and a SCHED_DEADLINE thread could make none at
/// all. Returns 0 or the errno.
[[nodiscard]] int set_schedule(pid_t tid, const LinuxSchedule& schedule) noexcept;
/// sched_getattr(2). Nothing if there is no such thread.
[[nodiscard]] std::optional<LinuxSchedule> get_schedule(pid_t tid) noexcept;

/// sched_setaffinity(2). The kernel leaves out CPUs that it does not grant as long as one is left. Returns 0 or the
/// errno; EINVAL for a number that no host has.
[[nodiscard]] int set_cpus(pid_t tid, const std::vector<std::uint32_t>& cpus) noexcept;
/// sched_getaffinity(2), in ascending order. Empty if there is no such thread.
[[nodiscard]] std::vector<std::uint32_t> get_cpus(pid_t tid);

}  // namespace qvm
