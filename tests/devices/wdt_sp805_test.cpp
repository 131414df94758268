// SPDX-License-Identifier: Apache-2.0
// Places in ARM DDI 0270.
#include <catch2/catch.hpp>

#include "devices/catalog.hpp"
#include "support/fake_context.hpp"

namespace qvm {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kLoad = 0, kValue = 4, kControl = 8, kIntClr = 0xc, kRis = 0x10, kMis = 0x14, kLock = 0xc00;
constexpr unsigned kOn = 3;  // INTEN, RESEN
constexpr unsigned kHertz = 1000;

struct Dog {
    explicit Dog(const std::string& action = "terminate") {
        const Catalog catalog{common_vdev_types()};
        const VdevType* type = catalog.find("wdt-sp805");
        test::FakeSpec spec{type->syntax};
        spec.with("action", action).with("frequency", std::uint64_t{kHertz}).with("intr", IntrSpec{"gic", 32});
        vdev = type->make(spec.get(), context);
        vdev->start();
    }
    [[nodiscard]] unsigned read(unsigned reg) const { return static_cast<unsigned>(context.read(reg, 4)); }
    void write(unsigned reg, unsigned value) const { context.write(reg, value, 4); }

    test::FakeContext context;
    std::unique_ptr<Vdev> vdev;
};

}  // namespace

TEST_CASE("sp805 says what it is and does nothing after reset (table 3-1)") {
    const Dog dog;
    CHECK(dog.read(0xfe0) == 0x05);
    CHECK(dog.read(0xfe4) == 0x18);
    CHECK(dog.read(0xffc) == 0xb1);
    CHECK(dog.read(kLoad) == 0xffff'ffff);
    CHECK(dog.read(kControl) == 0);
}

TEST_CASE("sp805 counts down twice before it bites: 3 s bite at 6 s") {
    Dog dog;
    dog.write(kLoad, 3 * kHertz);
    dog.write(kControl, kOn);
    dog.context.fake_clock.advance(1s);
    CHECK(dog.read(kValue) == 2 * kHertz);
    CHECK(dog.read(kRis) == 0);
    dog.context.fake_clock.advance(2s);
    CHECK(dog.read(kMis) == 1);
    CHECK_FALSE(dog.context.ended.cause());
    dog.context.fake_clock.advance(3s);
    CHECK(dog.read(kRis) == 1);
    CHECK(dog.context.ended.cause() == EndCause::Watchdog);
}

TEST_CASE("sp805 that is fed in between does not bite") {
    Dog dog;
    dog.write(kLoad, 3 * kHertz);
    dog.write(kControl, kOn);
    for (int i = 0; i < 5; ++i) {
        dog.context.fake_clock.advance(3s);
        CHECK(dog.read(kRis) == 1);
        dog.write(kIntClr, 1);
        CHECK(dog.read(kRis) == 0);
        CHECK(dog.read(kValue) == 3 * kHertz);
    }
    CHECK_FALSE(dog.context.ended.cause());
}

TEST_CASE("sp805 without RESEN does not bite, and switched off it stands still") {
    Dog dog;
    dog.write(kLoad, kHertz);
    dog.write(kControl, 1);
    for (int i = 0; i < 4; ++i) {
        dog.context.fake_clock.advance(1s);
        CHECK(dog.read(kRis) == 1);
    }
    CHECK_FALSE(dog.context.ended.cause());
    dog.write(kIntClr, 1);
    dog.write(kControl, 0);
    dog.context.fake_clock.advance(10s);
    CHECK(dog.read(kRis) == 0);
}

TEST_CASE("sp805 whose registers are locked takes no writes (3.3.7)") {
    Dog dog;
    dog.write(kLock, 1);
    CHECK(dog.read(kLock) == 1);
    dog.write(kLoad, 5);
    CHECK(dog.read(kLoad) == 0xffff'ffff);
    dog.write(kLock, 0x1acc'e551);
    CHECK(dog.read(kLock) == 0);
    dog.write(kLoad, 5);
    CHECK(dog.read(kLoad) == 5);
}

TEST_CASE("sp805 with fiq sends one edge and lets the guest go on") {
    Dog dog{"dump,fiq"};
    dog.write(kLoad, kHertz);
    dog.write(kControl, kOn);
    dog.context.fake_clock.advance(1s);
    (void)dog.read(kRis);
    CHECK(dog.context.line.rises() == 0);
    dog.context.fake_clock.advance(1s);
    (void)dog.read(kRis);
    CHECK(dog.context.line.rises() == 1);
    CHECK_FALSE(dog.context.line.high());
    CHECK_FALSE(dog.context.ended.cause());
}

TEST_CASE("sp805 counts no time while the guest is held still") {
    Dog dog;
    dog.write(kLoad, 2 * kHertz);
    dog.write(kControl, kOn);
    dog.context.fake_clock.advance(1s);
    dog.vdev->pause();
    dog.context.fake_clock.advance(60s);
    dog.vdev->resume();
    CHECK(dog.read(kRis) == 0);
    CHECK(dog.read(kValue) == kHertz);
    dog.context.fake_clock.advance(1s);
    CHECK(dog.read(kRis) == 1);
}

}  // namespace qvm
