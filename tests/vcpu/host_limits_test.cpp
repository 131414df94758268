// SPDX-License-Identifier: Apache-2.0
#include "vcpu/host_limits.hpp"

#include <catch2/catch.hpp>

#include "support/fake_root.hpp"

using namespace qvm;

TEST_CASE("limits of the host are read from where the kernel shows them") {
    const test::FakeRoot root;
    root.write("proc/self/status", "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t0000000000800000\nCapBnd:\t0\n");
    root.write("proc/self/uid_map", "         0          0 4294967295\n");
    root.write("proc/self/cgroup", "8:pids:/p\n4:cpu,cpuacct:/a/b\n1:name=systemd:/s\n0::/u\n");
    root.write("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.rt_runtime_us", "0\n");
    root.write("proc/sys/kernel/sched_rt_runtime_us", "-1\n");
    root.write("proc/sys/kernel/sched_rt_period_us", "1000000\n");
    root.write("proc/sys/kernel/sched_deadline_period_max_us", "4194304\n");
    const HostLimits limits = read_host_limits(root.path());
    CHECK(limits.sys_nice);
    CHECK_FALSE(limits.user_namespace);
    CHECK(limits.group == "/a/b");
    CHECK(limits.group_runtime_us == 0);
    CHECK(limits.rt_runtime_us == -1);
    CHECK(limits.rt_period_us == 1000000);
    CHECK(limits.dl_period_max_us == 4194304);
    CHECK_FALSE(limits.dl_period_min_us);
}

TEST_CASE("another user namespace, no capability, no cgroup v1") {
    const test::FakeRoot root;
    root.write("proc/self/status", "Name:\tx\nCapEff:\t0000000000400000\n");
    root.write("proc/self/uid_map", "         0       1000          1\n");
    root.write("proc/self/cgroup", "0::/user.slice\n");
    const HostLimits limits = read_host_limits(root.path());
    CHECK_FALSE(limits.sys_nice);
    CHECK(limits.user_namespace);
    CHECK(limits.group.empty());
    CHECK_FALSE(limits.group_runtime_us);
}

TEST_CASE("an empty host has no limits that could be named") {
    const test::FakeRoot root;
    const HostLimits limits = read_host_limits(root.path());
    CHECK_FALSE(limits.sys_nice);
    CHECK_FALSE(limits.user_namespace);
    CHECK_FALSE(limits.rt_runtime_us);
}
