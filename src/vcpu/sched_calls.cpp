// SPDX-License-Identifier: Apache-2.0
#include "vcpu/sched_calls.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace qvm {
namespace {

/// struct sched_attr of sched_setattr(2), its first version. <linux/sched/types.h>, which has it, has a struct
/// sched_param, too, and so cannot stand beside <sched.h>. glibc has neither it nor wrappers before 2.41.
struct Attributes {
    std::uint32_t size = sizeof(Attributes);
    std::uint32_t policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime = 0;
    std::uint64_t deadline = 0;
    std::uint64_t period = 0;
};
static_assert(sizeof(Attributes) == 48);

constexpr std::uint64_t kResetOnFork = 1;  // SCHED_FLAG_RESET_ON_FORK

}  // namespace

int set_schedule(pid_t tid, const LinuxSchedule& schedule) noexcept {
    Attributes attributes;
    attributes.policy = static_cast<std::uint32_t>(schedule.policy);
    attributes.flags = kResetOnFork;
    attributes.priority = static_cast<std::uint32_t>(schedule.priority);
    attributes.runtime = schedule.runtime_ns;
    attributes.deadline = schedule.deadline_ns;
    attributes.period = schedule.deadline_ns;
    return ::syscall(SYS_sched_setattr, tid, &attributes, 0) == 0 ? 0 : errno;
}

std::optional<LinuxSchedule> get_schedule(pid_t tid) noexcept {
    Attributes attributes;
    if (::syscall(SYS_sched_getattr, tid, &attributes, sizeof attributes, 0) != 0) return std::nullopt;
    LinuxSchedule out{static_cast<int>(attributes.policy), static_cast<int>(attributes.priority)};
    if (out.policy != SCHED_DEADLINE) return out;  // elsewhere the kernel may have other things in these fields
    out.runtime_ns = attributes.runtime;
    out.deadline_ns = attributes.deadline;
    return out;
}

int set_cpus(pid_t tid, const std::vector<std::uint32_t>& cpus) noexcept {
    cpu_set_t wanted;
    CPU_ZERO(&wanted);
    for (const std::uint32_t cpu : cpus) {
        if (cpu >= CPU_SETSIZE) return EINVAL;
        CPU_SET(cpu, &wanted);
    }
    return ::sched_setaffinity(tid, sizeof wanted, &wanted) == 0 ? 0 : errno;
}

std::vector<std::uint32_t> get_cpus(pid_t tid) {
    cpu_set_t actual;
    CPU_ZERO(&actual);
    if (::sched_getaffinity(tid, sizeof actual, &actual) != 0) return {};
    std::vector<std::uint32_t> out;
    for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &actual)) out.push_back(cpu);
    return out;
}

}  // namespace qvm
