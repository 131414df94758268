// SPDX-License-Identifier: Apache-2.0
// Why the host does not grant a thread its place, for people: which limit was hit and what to change. Pure.
#pragma once

#include <string>

#include "vcpu/cpu_list.hpp"
#include "vcpu/host_limits.hpp"
#include "vcpu/schedule.hpp"

namespace qvm {

struct Refusal {
    std::string reason;
    std::string hint;
};

/// The CPUs of the host, and those of them that the process may use: its cpuset, cpuset(7).
struct HostCpus {
    CpuList online;
    CpuList permitted;
};

struct RefusedSchedule {
    LinuxSchedule wanted;
    int error;     ///< errno of sched_setattr(2); 0 if the kernel accepted it and does something else
    CpuList cpus;  ///< those that the thread may run on
};

[[nodiscard]] Refusal explain(const RefusedSchedule& refused, const HostLimits& limits, const HostCpus& host);

/// Nothing wrong with them: an empty reason.
[[nodiscard]] Refusal explain_cpus(const CpuList& wanted, const HostCpus& host);

}  // namespace qvm
