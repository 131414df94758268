// SPDX-License-Identifier: Apache-2.0
#include "vcpu/placement.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>

using namespace qvm;

TEST_CASE("spec 2.3: f is FIFO, r and o are round robin") {
    using P = SchedSpec::Policy;
    CHECK(linux_schedule({20, P::Fifo}) == LinuxSchedule{SCHED_FIFO, 20});
    CHECK(linux_schedule({10, P::RoundRobin}) == LinuxSchedule{SCHED_RR, 10});
    CHECK(linux_schedule({30, P::Other}) == LinuxSchedule{SCHED_RR, 30});
}

TEST_CASE("the sporadic form is round robin at its high priority until there is more") {
    CHECK(linux_schedule({40, SchedSpec::Policy::Sporadic, Sporadic{10, 5, 100, 30}}) == LinuxSchedule{SCHED_RR, 40});
}

TEST_CASE("priorities above the highest of Linux become the highest") {
    CHECK(linux_schedule({99, SchedSpec::Policy::Fifo}).priority == 99);
    CHECK(linux_schedule({255, SchedSpec::Policy::RoundRobin}).priority == 99);
}

TEST_CASE("a thread has the policy and priority that its cpu line asked for") {
    CpuSpec cpu;
    cpu.sched = SchedSpec{7, SchedSpec::Policy::Fifo};
    std::string refusal;
    int policy = -1;
    sched_param actual{};
    std::thread{[&] {
        try {
            place_this_thread(cpu);
            ::pthread_getschedparam(::pthread_self(), &policy, &actual);
        } catch (const ConfigError& error) {
            refusal = error.what();
        }
    }}.join();
    if (!refusal.empty()) {
        WARN("not proven: " << refusal);
        return;
    }
    CHECK(policy == SCHED_FIFO);
    CHECK(actual.sched_priority == 7);
}

TEST_CASE("a refused priority is an error at its word that names the limit") {
    // In a child, because it gives up its rights for good.
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const rlimit none{0, 0};
        if (::setrlimit(RLIMIT_RTPRIO, &none) != 0) ::_exit(2);
        if (::geteuid() == 0 && ::syscall(SYS_setresuid, 65534, 65534, 65534) != 0) ::_exit(3);
        CpuSpec cpu;
        cpu.sched = SchedSpec{7, SchedSpec::Policy::Fifo};
        cpu.sched_where = Location{0, 5, 3, 2};
        try {
            place_this_thread(cpu);
        } catch (const ConfigError& error) {
            const bool told = error.where().line == 5 && error.hint().find("RLIMIT_RTPRIO") != std::string::npos;
            ::_exit(told ? 0 : 4);
        }
        ::_exit(5);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
