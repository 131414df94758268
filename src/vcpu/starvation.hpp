// SPDX-License-Identifier: Apache-2.0
// Whether vCPUs can keep a thread of the same VM from ever running. Pure.
#pragma once

#include <vector>

#include "vcpu/schedule.hpp"

namespace qvm {

struct PlannedThread;

/// SCHED_FIFO or SCHED_RR: runs for as long as it wants.
[[nodiscard]] bool is_fixed_priority(const LinuxSchedule& schedule) noexcept;

/// Those of `vcpus` that together can occupy every CPU of `thread` at a priority not below its own, in their order;
/// empty if they cannot. One vCPU occupies one CPU at a time, so it takes as many as the thread has CPUs, each with one
/// of these CPUs for itself.
[[nodiscard]] std::vector<const PlannedThread*> who_starves(const PlannedThread& thread,
                                                            const std::vector<PlannedThread>& vcpus);

}  // namespace qvm
