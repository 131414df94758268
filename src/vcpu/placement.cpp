// SPDX-License-Identifier: Apache-2.0
#include "vcpu/placement.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>

#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr std::uint32_t kHighestPriority = 99;  // sched(7)

void place(const std::vector<std::uint32_t>& cpus, Location where) {
    cpu_set_t wanted;
    CPU_ZERO(&wanted);
    for (const std::uint32_t cpu : cpus) {
        if (cpu >= CPU_SETSIZE) throw ConfigError{where, fmt::format("host CPU {} does not exist", cpu)};
        CPU_SET(cpu, &wanted);
    }
    const int error = ::pthread_setaffinity_np(::pthread_self(), sizeof wanted, &wanted);
    cpu_set_t actual;
    CPU_ZERO(&actual);
    ::pthread_getaffinity_np(::pthread_self(), sizeof actual, &actual);
    if (error == 0 && CPU_EQUAL(&wanted, &actual)) return;
    throw ConfigError{
        where, errno_text(fmt::format("the host did not place the vCPU on CPUs {}", fmt::join(cpus, ",")), error),
        "name only CPUs that are online and that the process may use (taskset -p, cpuset of its cgroup)"};
}

void schedule(const SchedSpec& sched, Location where) {
    const auto [policy, priority] = linux_schedule(sched);
    sched_param wanted{};
    wanted.sched_priority = priority;
    const int error = ::pthread_setschedparam(::pthread_self(), policy, &wanted);
    int actual_policy = -1;
    sched_param actual{};
    ::pthread_getschedparam(::pthread_self(), &actual_policy, &actual);
    if (error == 0 && actual_policy == policy && actual.sched_priority == wanted.sched_priority) return;
    throw ConfigError{
        where, errno_text(fmt::format("the host refused real-time priority {}", wanted.sched_priority), error),
        "give the process CAP_SYS_NICE, or raise RLIMIT_RTPRIO (ulimit -r; LimitRTPRIO= in a systemd unit)"};
}

}  // namespace

LinuxSchedule linux_schedule(const SchedSpec& sched) noexcept {
    return {sched.policy == SchedSpec::Policy::Fifo ? SCHED_FIFO : SCHED_RR,
            static_cast<int>(std::min(sched.priority, kHighestPriority))};
}

void place_this_thread(const CpuSpec& cpu) {
    if (!cpu.runmask.empty()) place(cpu.runmask, cpu.runmask_where);
    if (cpu.sched) schedule(*cpu.sched, cpu.sched_where);
}

}  // namespace qvm
