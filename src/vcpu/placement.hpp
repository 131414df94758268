// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/vm_config.hpp"

namespace qvm {

/// A thread's schedule in the kernel's terms.
struct LinuxSchedule {
    int policy;    ///< SCHED_FIFO or SCHED_RR
    int priority;  ///< 1 to 99
    bool operator==(const LinuxSchedule&) const = default;
};

/// f: SCHED_FIFO; r, o and, at its high priority, the sporadic form: SCHED_RR. QNX priorities above 99 become 99.
[[nodiscard]] LinuxSchedule linux_schedule(const SchedSpec& sched) noexcept;

/// Puts the calling thread where a `cpu` line says: `runmask` is its CPU affinity; `sched` its policy and priority
/// as linux_schedule() has them. Without either word the thread keeps what it
/// inherited. Both are read back. Throws ConfigError that names the word, the limit and what to change.
void place_this_thread(const CpuSpec& cpu);

}  // namespace qvm
