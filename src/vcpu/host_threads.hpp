// SPDX-License-Identifier: Apache-2.0
// What the host gives to threads before anybody asks for a place.
#pragma once

#include "vcpu/refusal.hpp"
#include "vcpu/schedule.hpp"

namespace qvm {

struct HostThreads {
    HostCpus cpus;
    CpuList inherited;       ///< CPUs of a thread without a place
    LinuxSchedule schedule;  ///< of a thread without a place
};

/// What a process may use is known only to those who try: the calling thread does for a moment.
[[nodiscard]] HostCpus host_cpus();
/// Inherited is what the calling thread has.
[[nodiscard]] HostThreads this_host_threads();

}  // namespace qvm
