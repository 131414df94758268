// SPDX-License-Identifier: Apache-2.0
#include "vcpu/host_threads.hpp"

#include <sched.h>

#include <numeric>

#include "config/text_file.hpp"
#include "vcpu/sched_calls.hpp"

namespace qvm {
namespace {

/// The kernel cuts a mask down to the thread's cpuset and to the CPUs that are online: ask for all.
CpuList permitted_cpus() {
    CpuList all(CPU_SETSIZE);
    std::iota(all.begin(), all.end(), 0U);
    const CpuList before = get_cpus(0);
    (void)set_cpus(0, all);
    CpuList out = get_cpus(0);
    (void)set_cpus(0, before);
    return out;
}

}  // namespace

HostCpus host_cpus() {
    HostCpus out{parse_cpu_list(read_text_file("/sys/devices/system/cpu/online").text), permitted_cpus()};
    if (out.online.empty()) out.online = out.permitted;  // no sysfs
    return out;
}

HostThreads this_host_threads() { return {host_cpus(), get_cpus(0), get_schedule(0).value_or(LinuxSchedule{})}; }

}  // namespace qvm
