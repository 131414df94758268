// SPDX-License-Identifier: Apache-2.0
#include "vcpu/schedule.hpp"

#include <sched.h>

#include <catch2/catch.hpp>

using namespace qvm;

using P = SchedSpec::Policy;

TEST_CASE("spec 2.3: f is FIFO, r and o are round robin") {
    CHECK(linux_schedule({20, P::Fifo}) == LinuxSchedule{SCHED_FIFO, 20});
    CHECK(linux_schedule({10, P::RoundRobin}) == LinuxSchedule{SCHED_RR, 10});
    CHECK(linux_schedule({30, P::Other}) == LinuxSchedule{SCHED_RR, 30});
}

TEST_CASE("priorities above the highest of Linux become the highest") {
    CHECK(linux_schedule({99, P::Fifo}).priority == 99);
    CHECK(linux_schedule({100, P::Fifo}).priority == 99);
    CHECK(linux_schedule({255, P::RoundRobin}).priority == 99);
}

TEST_CASE("the sporadic form is SCHED_DEADLINE: budget and period in ms") {
    const auto schedule = linux_schedule({40, P::Sporadic, Sporadic{10, 5, 100, 30}});
    CHECK(schedule == LinuxSchedule{SCHED_DEADLINE, 0, 30'000'000, 100'000'000});
    CHECK(schedule_text(schedule) == "SCHED_DEADLINE 30 ms of 100 ms");
}

TEST_CASE("a budget or period that the kernel cannot count is the longest that it can") {
    const auto schedule = linux_schedule({40, P::Sporadic, Sporadic{10, 5, UINT64_MAX, UINT64_MAX / 1'000'000}});
    CHECK(schedule.deadline_ns == INT64_MAX);
    CHECK(schedule.runtime_ns == INT64_MAX);
}

TEST_CASE("urgency: normal, then priorities, then deadlines") {
    CHECK(urgency({SCHED_OTHER}) == 0);
    CHECK(urgency({SCHED_BATCH}) == 0);
    CHECK(urgency({SCHED_RR, 1}) == 1);
    CHECK(urgency({SCHED_FIFO, 99}) == 99);
    CHECK(urgency({SCHED_DEADLINE, 0, 1, 2}) == 100);
}

TEST_CASE("schedules as text") {
    CHECK(schedule_text({SCHED_OTHER}) == "SCHED_OTHER");
    CHECK(schedule_text({SCHED_FIFO, 50}) == "SCHED_FIFO 50");
    CHECK(schedule_text({SCHED_DEADLINE, 0, 1500, 3000}) == "SCHED_DEADLINE 1500 ns of 3000 ns");
    CHECK(schedule_text({77}) == "policy 77");
}
