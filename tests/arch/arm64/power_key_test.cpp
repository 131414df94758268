// SPDX-License-Identifier: Apache-2.0
// Places in ARM DDI 0190.
#include "arch/arm64/power_key.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "arch/arm64/prstatus.hpp"
#include "support/fake_context.hpp"

using namespace qvm;
using namespace qvm::arm64;

namespace {

constexpr std::uint64_t kIbe = 0x408, kIev = 0x40c, kIe = 0x410, kRis = 0x414, kMis = 0x418, kIc = 0x41c;
constexpr std::uint64_t kKeyData = 0x8 << 2;
constexpr unsigned kKey = 8;

struct Gpio {
    qvm::test::RecordingIrq line;
    PowerKey key{line};

    unsigned read(std::uint64_t offset) {
        std::array<std::byte, 4> data{};
        key.read(offset, data);
        return std::to_integer<unsigned>(data[0]);
    }
    void write(std::uint64_t offset, unsigned value) {
        const std::array data{static_cast<std::byte>(value), std::byte{0}, std::byte{0}, std::byte{0}};
        key.write(offset, data);
    }
};

}  // namespace

TEST_CASE("a press is an edge that the guest sees once it has enabled it, and the key goes up when it was looked at") {
    Gpio gpio;
    gpio.write(kIbe, kKey);
    gpio.write(kIe, kKey);
    CHECK(gpio.key.press());
    CHECK(gpio.line.high());
    CHECK(gpio.read(kMis) == kKey);
    gpio.write(kIc, kKey);
    CHECK_FALSE(gpio.line.high());
    CHECK(gpio.read(kKeyData) == kKey);
    CHECK(gpio.line.high());  // both edges were asked for, and this is the second
    CHECK(gpio.read(kKeyData) == 0);
}

TEST_CASE("a guest that does not listen is told of no press") {
    Gpio gpio;
    CHECK_FALSE(gpio.key.press());
    CHECK_FALSE(gpio.line.high());
    CHECK(gpio.read(kMis) == 0);
}

TEST_CASE("edges count by GPIOIEV when not both are asked for") {
    Gpio rising;
    rising.write(kIev, kKey);
    rising.write(kIe, kKey);
    (void)rising.key.press();
    CHECK(rising.line.rises() == 1);
    rising.write(kIc, 0xff);
    (void)rising.read(kKeyData);
    CHECK(rising.line.rises() == 1);
    Gpio falling;
    falling.write(kIe, kKey);
    (void)falling.key.press();
    CHECK(falling.line.rises() == 0);
    (void)falling.read(kKeyData);
    CHECK(falling.line.rises() == 1);
    CHECK(falling.read(kRis) == kKey);
}

TEST_CASE("the GPIO says what it is (3.3.11)") {
    Gpio gpio;
    CHECK(gpio.read(0xfe0) == 0x61);
    CHECK(gpio.read(0xfe4) == 0x10);
    CHECK(gpio.read(0xff0) == 0x0d);
    CHECK(gpio.read(0xffc) == 0xb1);
}

TEST_CASE("an arm64 note of registers has user_pt_regs at its place") {
    CoreRegisters registers{.sp = 0x5, .pc = 0x6, .pstate = 0x3c5};
    registers.x[30] = 0x1234;
    const CoreNote note = prstatus_note(registers, 2);
    REQUIRE(note.bytes.size() == 392);
    const auto word = [&](std::size_t at) { return std::to_integer<unsigned>(note.bytes[at]); };
    CHECK(word(32) == 3);               // pr_pid
    CHECK(word(112 + 30 * 8) == 0x34);  // x30
    CHECK(word(112 + 31 * 8) == 5);     // sp
    CHECK(word(112 + 32 * 8) == 6);     // pc
    CHECK(word(112 + 33 * 8) == 0xc5);  // pstate
    CHECK(describe(registers).find("EL1h") != std::string::npos);
}
