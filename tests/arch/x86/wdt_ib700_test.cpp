// SPDX-License-Identifier: Apache-2.0
// Ports and times: Linux, drivers/watchdog/ib700wdt.c.
#include <catch2/catch.hpp>

#include "arch/x86/vdevs.hpp"
#include "devices/catalog.hpp"
#include "support/fake_context.hpp"

namespace qvm::x86 {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kDisable = 0, kEnable = 2;

struct Watchdog {
    explicit Watchdog(std::string action = {}) {
        const VdevType* const type = Catalog{vdev_types()}.find("wdt-ib700");
        test::FakeSpec spec{type->syntax};
        if (!action.empty()) spec.with("action", std::move(action));
        vdev = type->make(spec.get(), context);
        vdev->start();
    }
    void write(unsigned port, unsigned value) const { context.write(port, value); }
    void advance(std::chrono::nanoseconds time) { context.fake_clock.advance(time); }
    /// A pet that comes too late makes it bite, too: no need to wait for the host's timer.
    [[nodiscard]] bool bites_after(std::chrono::nanoseconds time) {
        advance(time);
        write(kDisable, 0);
        return context.ended.cause() == EndCause::Watchdog;
    }

    test::FakeContext context;
    std::unique_ptr<Vdev> vdev;
};

}  // namespace

TEST_CASE("wdt-ib700 has three ports from that which disables to that which enables, and none can be read") {
    const Watchdog dog;
    CHECK(dog.context.window == 3);
    for (unsigned port = 0; port < 3; ++port) CHECK(dog.context.read(port) == 0xff);
}

TEST_CASE("wdt-ib700 does nothing before it is enabled") {
    Watchdog dog;
    CHECK_FALSE(dog.bites_after(1h));
}

TEST_CASE("wdt-ib700's level says the time: 30 s less 2 s each; only four bits count") {
    const unsigned level = GENERATE(range(0U, 16U));
    const unsigned high = GENERATE(0x00U, 0xf0U);
    const std::chrono::seconds time{30 - 2 * static_cast<int>(level)};
    CAPTURE(level, high);
    if (time > 0s) {
        Watchdog early;
        early.write(kEnable, level | high);
        CHECK_FALSE(early.bites_after(time - 1ns));
    }
    Watchdog late;
    late.write(kEnable, level | high);
    CHECK(late.bites_after(time));
}

TEST_CASE("wdt-ib700 starts anew each time it is enabled") {
    Watchdog dog;
    for (int i = 0; i < 5; ++i) {
        dog.write(kEnable, 0xa);
        dog.advance(9s);
    }
    dog.write(kEnable, 0xe);
    CHECK_FALSE(dog.context.ended.cause());
    CHECK(dog.bites_after(2s));
}

TEST_CASE("wdt-ib700 stops when it is disabled, whatever is written") {
    Watchdog dog;
    dog.write(kEnable, 0xe);
    dog.write(kDisable, 0x5a);
    CHECK_FALSE(dog.bites_after(1h));
}

TEST_CASE("wdt-ib700's port in between does nothing") {
    Watchdog dog;
    dog.write(1, 0xf);
    CHECK_FALSE(dog.bites_after(1h));
}

TEST_CASE("wdt-ib700 bites by itself when nobody comes") {
    Watchdog dog;
    dog.write(kEnable, 0xf);
    CHECK(dog.context.ended.wait());
    CHECK(dog.context.ended.cause() == EndCause::Watchdog);
}

TEST_CASE("wdt-ib700 bites once for each time that it was enabled") {
    Watchdog dog{"dump"};
    dog.write(kEnable, 0xe);
    dog.advance(1h);
    for (int i = 0; i < 3; ++i) dog.write(kDisable, 0);
    CHECK(dog.context.ended.dumps() == 1);
    CHECK_FALSE(dog.context.ended.cause());
    dog.write(kEnable, 0xe);
    CHECK_FALSE(dog.bites_after(2s));
    CHECK(dog.context.ended.dumps() == 2);
}

TEST_CASE("wdt-ib700's action: dump, end, interrupt, as sp805's (4.1, 4.2)") {
    struct Case {
        const char* action;
        unsigned dumps;
        bool ends;
        unsigned interrupts;
    };
    const Case each = GENERATE(Case{"terminate", 0, true, 0}, Case{"dump,terminate", 1, true, 0},
                               Case{"fiq", 0, false, 1}, Case{"dump,fiq", 1, false, 1}, Case{"dump", 1, false, 0});
    CAPTURE(each.action);
    Watchdog dog{each.action};
    dog.write(kEnable, 0);
    CHECK(dog.bites_after(30s) == each.ends);
    CHECK(dog.context.ended.dumps() == each.dumps);
    CHECK(dog.context.line.rises() == each.interrupts);
    CHECK_FALSE(dog.context.line.high());
}

TEST_CASE("wdt-ib700 does not count the time in which the vCPUs stand still") {
    Watchdog dog;
    dog.write(kEnable, 0xe);
    dog.advance(1900ms);
    dog.vdev->pause();
    dog.advance(1h);
    dog.vdev->resume();
    dog.advance(99ms);
    dog.write(kEnable, 0xe);
    CHECK_FALSE(dog.context.ended.cause());
    CHECK(dog.bites_after(2s));
}

TEST_CASE("wdt-ib700 that is off stays off over a pause") {
    Watchdog dog;
    dog.write(kEnable, 0xe);
    dog.write(kDisable, 0);
    dog.vdev->pause();
    dog.vdev->resume();
    CHECK_FALSE(dog.bites_after(1h));
}

}  // namespace qvm::x86
