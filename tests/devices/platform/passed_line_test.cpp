// SPDX-License-Identifier: Apache-2.0
// An interrupt of the host on the guest's line: once for each that the guest has ended.
#include "devices/platform/passed_line.hpp"

#include <catch2/catch.hpp>

#include "devices/host/run_on_loop.hpp"
#include "support/fake_context.hpp"
#include "support/fake_uio.hpp"
#include "support/fake_vfio.hpp"
#include "vmm/error.hpp"

namespace qvm::test {
namespace {

using Catch::Matchers::Contains;

struct Line {
    explicit Line(bool running = true) {
        if (running) passed.start();
    }
    /// Whatever has been signalled so far has been served.
    std::uint64_t raised() {
        std::uint64_t count = 0;
        run_on_loop(loop, [&] { count = passed.raised(); });
        return count;
    }
    void fire() {
        device.event.signal();
        REQUIRE(line.wire.wait_high());
    }

    FakeInterrupt::Device device;
    RecordingControl control;
    Log log{"test", silence()};
    EventLoop loop{"io/test"};
    EndingIrq line;
    PassedLine passed{
        "the interrupt of uio0 (rtc)", std::make_unique<FakeInterrupt>(device), line, {loop, log, control}};
};

}  // namespace

TEST_CASE("an interrupt of the host is a level that falls when the guest has ended it") {
    Line it;
    CHECK(it.device.unmasks == 1);
    it.fire();
    CHECK(it.device.unmasks == 1);
    it.line.end();
    CHECK_FALSE(it.line.wire.high());
    CHECK(it.device.unmasks == 2);
    it.fire();
    it.line.end();
    CHECK(it.device.unmasks == 3);
    CHECK(it.raised() == 2);
}

TEST_CASE("an end without an interrupt unmasks nothing") {
    Line it;
    it.line.end();
    it.line.end();
    CHECK(it.device.unmasks == 1);
    it.fire();
    it.line.end();
    it.line.end();
    CHECK(it.device.unmasks == 2);
}

TEST_CASE("a device that pulls for good costs one interrupt for each that the guest ends") {
    Line it;
    it.device.pulls = true;
    it.fire();
    CHECK(it.raised() == 1);
    CHECK(it.device.unmasks == 1);
    for (unsigned ends = 1; ends <= 50; ++ends) {
        it.line.end();
        REQUIRE(it.line.wire.wait_high());
        CHECK(it.device.unmasks == 1 + ends);
    }
    CHECK(it.raised() == 51);
}

TEST_CASE("before the guest runs nothing is unmasked, and a refusal ends the start") {
    Line it{false};
    CHECK(it.device.unmasks == 0);
    it.device.refuses = true;
    CHECK_THROWS_WITH(it.passed.start(), Contains("the interrupt of uio0 (rtc) cannot be unmasked"));
}

TEST_CASE("a device that goes away ends the VM") {
    Line it;
    it.device.gone = true;
    it.device.event.signal();
    REQUIRE(it.control.wait());
    CHECK(it.control.cause() == EndCause::HostError);
    it.device.event.signal();
    CHECK(it.raised() == 0);
}

TEST_CASE("so does one that can no longer be unmasked") {
    Line it;
    it.fire();
    it.device.refuses = true;
    it.line.end();
    REQUIRE(it.control.wait());
    CHECK(it.control.cause() == EndCause::HostError);
    CHECK_FALSE(it.line.wire.high());
}

TEST_CASE("a controller that cannot tell the end of an interrupt gets none of the host") {
    FakeInterrupt::Device device;
    RecordingControl control;
    Log log{"test", silence()};
    EventLoop loop{EventLoop::NeverRuns{}};
    RecordingIrq mute;
    const auto make = [&] {
        return PassedLine{"the interrupt of uio0", std::make_unique<FakeInterrupt>(device), mute, {loop, log, control}};
    };
    CHECK_THROWS_WITH(make(), Contains("the guest's interrupt controller cannot tell when it has ended"));
}

}  // namespace qvm::test
