// SPDX-License-Identifier: Apache-2.0
// Places: Motorola MC146818 data sheet, ADI-856R2.
#include <catch2/catch.hpp>
#include <random>

#include "arch/x86/vdevs.hpp"
#include "devices/catalog.hpp"
#include "support/fake_context.hpp"

namespace qvm::x86 {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr unsigned kA = 0x0a, kB = 0x0b, kC = 0x0c, kD = 0x0d, kCentury = 0x32;
constexpr unsigned kSet = 0x80, kPie = 0x40, kAie = 0x20, kUie = 0x10, kBinary = 0x04, k24 = 0x02;
/// 2024-02-29 13:05:59 UTC, a Thursday.
constexpr seconds kLeapDay{1709211959};

struct Rtc {
    explicit Rtc(std::vector<NumberPair> presets = {}, bool real_time = false) {
        context.fake_clock.set(kLeapDay);
        context.real_time = real_time;
        const Catalog catalog{vdev_types()};
        const VdevType* type = catalog.find("mc146818");
        test::FakeSpec spec{type->syntax};
        for (const NumberPair& preset : presets) spec.with("reg", preset);
        vdev = type->make(spec.get(), context);
    }
    [[nodiscard]] unsigned get(unsigned reg) {
        context.write(0, reg);
        return static_cast<unsigned>(context.read(1));
    }
    void set(unsigned reg, unsigned value) {
        context.write(0, reg);
        context.write(1, value);
    }
    [[nodiscard]] std::vector<unsigned> time() {
        return {get(kCentury), get(9), get(8), get(7), get(6), get(4), get(2), get(0)};
    }
    void set_time(std::vector<unsigned> value) {
        const unsigned b = get(kB);
        set(kB, b | kSet);
        const std::array<unsigned, 7> regs{kCentury, 9, 8, 7, 4, 2, 0};
        for (std::size_t i = 0; i < regs.size(); ++i) set(regs[i], value[i]);
        set(kB, b);
    }
    void pass(std::chrono::nanoseconds time) { context.fake_clock.advance(time); }

    test::FakeContext context;
    std::unique_ptr<Vdev> vdev;
};

using Time = std::vector<unsigned>;

}  // namespace

TEST_CASE("mc146818 tells the host's time in UTC, in BCD and 24 hours after reset") {
    Rtc rtc;
    CHECK(rtc.time() == Time{0x20, 0x24, 0x02, 0x29, 0x05, 0x13, 0x05, 0x59});
    rtc.pass(seconds{1});
    CHECK(rtc.time() == Time{0x20, 0x24, 0x02, 0x29, 0x05, 0x13, 0x06, 0x00});
    rtc.pass(hours{24});
    CHECK(rtc.time() == Time{0x20, 0x24, 0x03, 0x01, 0x06, 0x13, 0x06, 0x00});
    CHECK(rtc.context.window == 2);
}

TEST_CASE("mc146818 counts in binary when DM is set") {
    Rtc rtc;
    rtc.set(kB, k24 | kBinary);
    CHECK(rtc.time() == Time{20, 24, 2, 29, 5, 13, 5, 59});
}

TEST_CASE("mc146818 counts twelve hours when 24/12 is clear, with bit 7 for the afternoon") {
    Rtc rtc;
    rtc.set(kB, 0);
    CHECK(rtc.get(4) == 0x81);
    rtc.pass(hours{-1});
    CHECK(rtc.get(4) == 0x92);  // noon
    rtc.pass(hours{-12});
    CHECK(rtc.get(4) == 0x12);  // midnight
    rtc.pass(hours{1});
    CHECK(rtc.get(4) == 0x01);
}

TEST_CASE("mc146818 holds the time while SET is set, and starts from what was written") {
    Rtc rtc;
    rtc.set(kB, kSet | k24);
    rtc.pass(minutes{3});
    CHECK(rtc.time() == Time{0x20, 0x24, 0x02, 0x29, 0x05, 0x13, 0x05, 0x59});
    rtc.set(kB, k24);
    rtc.set_time({0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x58});
    rtc.pass(seconds{3});
    CHECK(rtc.time() == Time{0x20, 0x00, 0x01, 0x01, 0x07, 0x00, 0x00, 0x01});
}

TEST_CASE("mc146818 takes a single register written without SET at once") {
    Rtc rtc;
    rtc.set(2, 0x30);
    CHECK(rtc.time() == Time{0x20, 0x24, 0x02, 0x29, 0x05, 0x13, 0x30, 0x59});
    rtc.pass(seconds{1});
    CHECK(rtc.get(2) == 0x31);
}

TEST_CASE("mc146818 takes the time in the afternoon of a 12-hour clock") {
    Rtc rtc;
    rtc.set(kB, 0);
    rtc.set_time({0x20, 0x24, 0x02, 0x29, 0x92, 0x30, 0x00});
    rtc.set(kB, k24);
    CHECK(rtc.get(4) == 0x12);
}

TEST_CASE("mc146818 warns of an update 244 us ahead, and never while SET holds the time (UIP)") {
    Rtc rtc;
    CHECK((rtc.get(kA) & 0x80) == 0);
    rtc.pass(milliseconds{999} + microseconds{755});
    CHECK((rtc.get(kA) & 0x80) == 0);
    rtc.pass(microseconds{10});
    CHECK((rtc.get(kA) & 0x80) != 0);
    rtc.set(kB, kSet | k24);
    CHECK((rtc.get(kA) & 0x80) == 0);
    rtc.set(kA, 0xa6);  // read-only
    CHECK(rtc.get(kA) == 0x26);
}

TEST_CASE("mc146818 is valid, 24-hour and fit for Linux's probe after reset") {
    Rtc rtc;
    CHECK(rtc.get(kA) == 0x26);
    CHECK(rtc.get(kB) == 0x02);
    CHECK(rtc.get(kD) == 0x80);
    rtc.set(kD, 0);
    CHECK(rtc.get(kD) == 0x80);
}

TEST_CASE("mc146818's update-ended flag comes with each second and goes by reading C") {
    Rtc rtc;
    CHECK((rtc.get(kC) & kUie) == 0);
    rtc.pass(seconds{1});
    CHECK((rtc.get(kC) & kUie) != 0);
    CHECK((rtc.get(kC) & kUie) == 0);
    CHECK_FALSE(rtc.context.line.high());
}

TEST_CASE("mc146818's alarm matches its three registers") {
    Rtc rtc;
    rtc.set(5, 0x13);
    rtc.set(3, 0x07);
    rtc.set(1, 0x10);
    rtc.pass(seconds{70});
    CHECK((rtc.get(kC) & kAie) == 0);
    rtc.pass(seconds{1});
    CHECK((rtc.get(kC) & kAie) != 0);
    rtc.pass(hours{23});
    CHECK((rtc.get(kC) & kAie) == 0);
    rtc.pass(hours{1});
    CHECK((rtc.get(kC) & kAie) != 0);
}

TEST_CASE("mc146818's alarm registers from 0xc0 up match everything, and impossible ones nothing") {
    Rtc rtc;
    rtc.set(5, 0xff);
    rtc.set(3, 0xc0);
    rtc.set(1, 0x00);
    rtc.pass(seconds{1});
    CHECK((rtc.get(kC) & kAie) != 0);
    rtc.set(1, 0x75);
    rtc.pass(hours{100});
    CHECK((rtc.get(kC) & kAie) == 0);
}

TEST_CASE("mc146818 shows a pending interrupt in bit 7 of C and on the line until C is read") {
    Rtc rtc;
    rtc.set(kB, k24 | kUie);
    rtc.pass(seconds{1});
    rtc.set(0x40, 1);  // any write looks at the clock
    CHECK(rtc.context.line.high());
    CHECK(rtc.get(kC) >= 0x80);
    CHECK_FALSE(rtc.context.line.high());
}

TEST_CASE("mc146818's interrupts come by themselves") {
    Rtc rtc{{}, true};
    SECTION("periodic") { rtc.set(kB, k24 | kPie); }
    SECTION("update ended") { rtc.set(kB, k24 | kUie); }
    SECTION("alarm at any second") {
        for (const unsigned reg : {1U, 3U, 5U}) rtc.set(reg, 0xff);
        rtc.set(kB, k24 | kAie);
    }
    for (int i = 0; i < 2; ++i) {
        REQUIRE(rtc.context.line.wait_high());
        CHECK(rtc.get(kC) >= 0x80);
    }
    rtc.set(kB, k24);
    (void)rtc.get(kC);
    CHECK_FALSE(rtc.context.line.high());
}

TEST_CASE("mc146818 has memory that keeps what is written, but no index port to read") {
    Rtc rtc;
    rtc.set(0x40, 0xa5);
    CHECK(rtc.get(0x40) == 0xa5);
    CHECK(rtc.get(0xc0) == 0xa5);  // bit 7 of the index is the NMI gate
    CHECK(rtc.context.read(0) == 0xff);
}

TEST_CASE("option reg presets registers, as `reg 0x0b,0x02` in QNX's Linux example (qvmconf 4.1)") {
    Rtc rtc{{{0x0b, 0x06}, {0x10, 0x99}}};
    CHECK(rtc.get(kB) == 0x06);
    CHECK(rtc.get(0x10) == 0x99);
    CHECK(rtc.get(4) == 13);
}

TEST_CASE("option reg refuses what is no register or no byte") {
    CHECK_THROWS_AS(Rtc({{0x80, 0}}), ConfigError);
    CHECK_THROWS_AS(Rtc({{0, 0x100}}), ConfigError);
}

TEST_CASE("mc146818 survives any access and any time: the line is always flags and enables") {
    Rtc rtc;
    std::mt19937_64 random{146818};  // NOLINT: the same storm each time
    for (int i = 0; i < 10'000; ++i) {
        const auto width = static_cast<unsigned>(1 + random() % 2);
        const std::uint64_t offset = random() % (3 - width);
        rtc.context.write(0, random() % 2 == 0 ? random() % 16 : random());
        rtc.context.write(offset, random(), width);
        (void)rtc.context.read(random() % (3 - width), width);
        if (random() % 4 == 0) rtc.pass(std::chrono::nanoseconds{static_cast<std::int64_t>(random() % (1ULL << 40))});
        if (i % 16 != 0) continue;
        (void)rtc.get(kC);
        REQUIRE_FALSE(rtc.context.line.high());
    }
}

}  // namespace qvm::x86
