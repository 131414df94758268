// SPDX-License-Identifier: Apache-2.0
// Places in ARM DDI 0224.
#include <catch2/catch.hpp>

#include "devices/catalog.hpp"
#include "support/fake_context.hpp"

namespace qvm {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kDr = 0, kMr = 4, kLr = 8, kCr = 0xc, kImsc = 0x10, kRis = 0x14, kMis = 0x18, kIcr = 0x1c;

struct Rtc {
    Rtc() {
        const Catalog catalog{common_vdev_types()};
        const VdevType* type = catalog.find("rtc-pl031");
        context.fake_clock.set(1'000'000s);
        vdev = type->make(test::FakeSpec{type->syntax}.get(), context);
        vdev->start();
    }
    [[nodiscard]] unsigned read(unsigned reg) const { return static_cast<unsigned>(context.read(reg, 4)); }
    void write(unsigned reg, unsigned value) const { context.write(reg, value, 4); }

    test::FakeContext context;
    std::unique_ptr<Vdev> vdev;
};

}  // namespace

TEST_CASE("pl031 says what it is, runs, and begins with the host's time of day") {
    Rtc rtc;
    CHECK(rtc.read(0xfe0) == 0x31);
    CHECK(rtc.read(0xfe4) == 0x10);
    CHECK(rtc.read(kCr) == 1);
    CHECK(rtc.read(kDr) == 1'000'000);
    rtc.context.fake_clock.advance(90s);
    CHECK(rtc.read(kDr) == 1'000'090);
}

TEST_CASE("pl031 can be set, and goes on from there") {
    Rtc rtc;
    rtc.write(kLr, 5);
    CHECK(rtc.read(kDr) == 5);
    CHECK(rtc.read(kLr) == 5);
    rtc.context.fake_clock.advance(2s);
    CHECK(rtc.read(kDr) == 7);
}

TEST_CASE("pl031 interrupts when the time matches, once it may (3.3.2, 3.3.5)") {
    Rtc rtc;
    rtc.write(kMr, 1'000'010);
    rtc.context.fake_clock.advance(9s);
    CHECK(rtc.read(kRis) == 0);
    rtc.context.fake_clock.advance(1s);
    CHECK(rtc.read(kRis) == 1);
    CHECK(rtc.read(kMis) == 0);
    CHECK_FALSE(rtc.context.line.high());
    rtc.write(kImsc, 1);
    CHECK(rtc.context.line.high());
    rtc.write(kIcr, 1);
    CHECK_FALSE(rtc.context.line.high());
    CHECK(rtc.read(kRis) == 0);
}

TEST_CASE("pl031 does not take a match in the past for an alarm") {
    Rtc rtc;
    rtc.write(kImsc, 1);
    rtc.write(kMr, 999'999);
    rtc.context.fake_clock.advance(100s);
    CHECK(rtc.read(kRis) == 0);
}

}  // namespace qvm
