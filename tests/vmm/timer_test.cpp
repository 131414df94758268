// SPDX-License-Identifier: Apache-2.0
#include "vmm/timer.hpp"

#include <poll.h>

#include <catch2/catch.hpp>

using namespace qvm;
using namespace std::chrono_literals;

namespace {

bool due(const Timer& timer, int wait_ms) {
    pollfd source{timer.fd(), POLLIN, 0};
    return ::poll(&source, 1, wait_ms) == 1;
}

}  // namespace

TEST_CASE("a timer is due once, and what is not positive at once") {
    const Timer timer;
    CHECK_FALSE(due(timer, 0));
    for (const auto wait : {std::chrono::nanoseconds{1ms}, 0ns, -5ns}) {
        timer.set(wait);
        REQUIRE(due(timer, 20'000));
        CHECK(timer.drain());
        CHECK_FALSE(timer.drain());
    }
}

TEST_CASE("a timer can be set anew and cancelled") {
    const Timer timer;
    timer.set(1h + 999'999'999ns);
    CHECK_FALSE(due(timer, 0));
    timer.set(1ns);
    REQUIRE(due(timer, 20'000));
    timer.cancel();
    CHECK_FALSE(due(timer, 0));
    CHECK_FALSE(timer.drain());
}
