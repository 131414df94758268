// SPDX-License-Identifier: Apache-2.0
#include "vcpu/placement.hpp"

#include <sched.h>

#include <catch2/catch.hpp>

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
