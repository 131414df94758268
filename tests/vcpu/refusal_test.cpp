// SPDX-License-Identifier: Apache-2.0
// Each limit of the host is named when it is the one that was hit. The facts are made up: nobody needs rights for this.
#include "vcpu/refusal.hpp"

#include <sched.h>

#include <catch2/catch.hpp>
#include <cerrno>

using namespace qvm;

namespace {

const HostCpus kHost{{0, 1, 2, 3}, {0, 1, 2}};
constexpr LinuxSchedule kFifo{SCHED_FIFO, 50};
constexpr LinuxSchedule kDeadline{SCHED_DEADLINE, 0, 30'000'000, 100'000'000};

HostLimits root() {
    HostLimits limits;
    limits.sys_nice = true;
    limits.rt_runtime_us = 950000;
    limits.rt_period_us = 1000000;
    limits.dl_period_max_us = 4194304;
    limits.dl_period_min_us = 100;
    return limits;
}

Refusal why(const LinuxSchedule& wanted, int error, const HostLimits& limits, const CpuList& cpus = kHost.online) {
    return explain({wanted, error, cpus}, limits, kHost);
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("without the right to a priority, both ways to it are named") {
    HostLimits user;
    user.rtprio = 20;
    const auto refusal = why(kFifo, EPERM, user);
    CHECK(refusal.reason == "RLIMIT_RTPRIO is 20 and CAP_SYS_NICE is missing");
    CHECK(has(refusal.hint, "CAP_SYS_NICE"));
    CHECK(has(refusal.hint, "RLIMIT_RTPRIO to 50"));
    CHECK(has(refusal.hint, "LimitRTPRIO="));
}

TEST_CASE("a capability of a user namespace is none here") {
    HostLimits contained = root();
    contained.user_namespace = true;
    CHECK(has(why(kFifo, EPERM, contained).reason, "CAP_SYS_NICE of a user namespace does not count"));
}

TEST_CASE("SCHED_DEADLINE takes the capability, no limit helps") {
    HostLimits user;
    user.rtprio = HostLimits::kUnlimited;
    const auto refusal = why(kDeadline, EPERM, user);
    CHECK(has(refusal.reason, "CAP_SYS_NICE is missing"));
    CHECK_FALSE(has(refusal.hint, "RLIMIT"));
}

TEST_CASE("a group without real-time bandwidth is named") {
    HostLimits limits = root();
    limits.group = "/system.slice";
    limits.group_runtime_us = 0;
    const auto refusal = why(kFifo, EPERM, limits);
    CHECK(has(refusal.reason, "cgroup /system.slice"));
    CHECK(has(refusal.reason, "cpu.rt_runtime_us is 0"));
}

TEST_CASE("a host without real-time bandwidth is named") {
    HostLimits limits = root();
    limits.rt_runtime_us = 0;
    CHECK(has(why(kFifo, EPERM, limits).reason, "kernel.sched_rt_runtime_us is 0"));
    CHECK(has(why(kDeadline, EPERM, limits).reason, "kernel.sched_rt_runtime_us is 0"));
}

TEST_CASE("a privileged process without a visible cause hears of groups of cgroup v2 and of filters") {
    CHECK(has(why(kFifo, EPERM, root()).hint, "CONFIG_RT_GROUP_SCHED"));
    CHECK(has(why(kDeadline, EPERM, root()).hint, "seccomp"));
}

TEST_CASE("SCHED_DEADLINE on some CPUs only is refused because of these") {
    const auto refusal = why(kDeadline, EPERM, root(), {1, 2});
    CHECK(has(refusal.reason, "bound to CPUs 1-2"));
    CHECK(has(refusal.reason, "root domain"));
    CHECK(has(refusal.hint, "runmask"));
    CHECK(has(refusal.hint, "cpuset.cpus.partition"));
}

TEST_CASE("SCHED_DEADLINE bandwidth that is not left is told with its limit") {
    const auto refusal = why(kDeadline, EBUSY, root());
    CHECK(has(refusal.reason, "30 ms of 100 ms"));
    CHECK(has(refusal.reason, "kernel.sched_rt_runtime_us"));
    CHECK(has(refusal.reason, "950000 of 1000000"));
}

TEST_CASE("a period outside the host's limits is told with the limit") {
    CHECK(has(why({SCHED_DEADLINE, 0, 1'000'000, 5'000'000'000}, EINVAL, root()).reason,
              "5000000 us is above kernel.sched_deadline_period_max_us, 4194304"));
    CHECK(has(why({SCHED_DEADLINE, 0, 2'000, 3'000}, EINVAL, root()).reason,
              "3 us is below kernel.sched_deadline_period_min_us, 100"));
    HostLimits old = root();
    old.dl_period_max_us.reset();
    old.dl_period_min_us.reset();
    CHECK(has(why({SCHED_DEADLINE, 0, 1, 5}, EINVAL, old).hint, "1024 ns"));
}

TEST_CASE("what else the kernel says is passed on") {
    CHECK(has(why(kFifo, ENOSYS, root()).reason, "not implemented"));
    CHECK(has(why(kFifo, 0, root()).reason, "did something else"));
    CHECK_FALSE(why(kFifo, EBUSY, root()).reason.empty());
    CHECK_FALSE(why(kFifo, EINVAL, root()).reason.empty());
}

TEST_CASE("CPUs that are not there are told from those that are for others") {
    CHECK(explain_cpus({2, 0}, kHost).reason.empty());
    CHECK(explain_cpus({}, kHost).reason.empty());
    const auto absent = explain_cpus({0, 9, 8}, kHost);
    CHECK(absent.reason == "host CPUs 8-9 are not online");
    CHECK(absent.hint == "online: 0-3");
    const auto barred = explain_cpus({0, 3}, kHost);
    CHECK(barred.reason == "host CPU 3 is not among those that qvm may use");
    CHECK(has(barred.hint, "0-2"));
}
