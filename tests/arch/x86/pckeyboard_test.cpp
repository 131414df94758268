// SPDX-License-Identifier: Apache-2.0
// Places: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller"; Linux's
// drivers/input/serio/i8042.c for what a driver asks.
#include <catch2/catch.hpp>
#include <random>

#include "arch/x86/vdevs.hpp"
#include "devices/catalog.hpp"
#include "support/fake_context.hpp"

namespace qvm::x86 {
namespace {

constexpr unsigned kData = 0, kCommand = 4;

struct Keyboard {
    Keyboard() {
        const Catalog catalog{vdev_types()};
        const VdevType* type = catalog.find("pckeyboard");
        vdev = type->make(test::FakeSpec{type->syntax}.get(), context);
    }
    void command(unsigned value) const { context.write(kCommand, value); }
    void data(unsigned value) const { context.write(kData, value); }
    [[nodiscard]] bool answered() const { return (context.read(kCommand) & 1) != 0; }
    [[nodiscard]] unsigned ask(unsigned value) const {
        command(value);
        REQUIRE(answered());
        return static_cast<unsigned>(context.read(kData));
    }

    test::FakeContext context;
    std::unique_ptr<Vdev> vdev;
};

}  // namespace

TEST_CASE("pckeyboard resets the board by the pulse command") {
    const Keyboard keyboard;
    keyboard.command(0xff);
    CHECK_FALSE(keyboard.context.ended.cause());
    keyboard.command(0xfe);
    CHECK(keyboard.context.ended.cause() == EndCause::Reset);
}

TEST_CASE("pckeyboard resets the board by bit 0 of its output port") {
    const Keyboard keyboard;
    keyboard.command(0xd1);
    keyboard.data(0xdf);  // A20 on, as old boot code does
    CHECK_FALSE(keyboard.context.ended.cause());
    keyboard.command(0xd1);
    keyboard.data(0xfe);
    CHECK(keyboard.context.ended.cause() == EndCause::Reset);
}

TEST_CASE("pckeyboard is empty, unlocked and through its self-test after reset") {
    const Keyboard keyboard;
    CHECK(keyboard.context.window == 5);
    CHECK(keyboard.context.read(kCommand) == 0x14);
}

TEST_CASE("pckeyboard answers every question that a probing driver waits for") {
    const Keyboard keyboard;
    CHECK(keyboard.ask(0xaa) == 0x55);
    CHECK(keyboard.ask(0xab) == 0x00);
    CHECK(keyboard.ask(0xa9) != 0x00);  // no auxiliary device
    CHECK(keyboard.ask(0xd0) == 0x03);
    CHECK(keyboard.ask(0xc0) == 0x80);
    keyboard.command(0xd3);
    keyboard.data(0x5a);
    CHECK(keyboard.answered());
    CHECK((keyboard.context.read(kCommand) & 0x20) == 0);  // so Linux takes the auxiliary port for missing
    CHECK(keyboard.context.read(kData) == 0x5a);
    CHECK_FALSE(keyboard.answered());
}

TEST_CASE("pckeyboard keeps its command byte, and the enable commands change it") {
    const Keyboard keyboard;
    keyboard.command(0x60);
    keyboard.data(0x74);
    CHECK(keyboard.ask(0x20) == 0x74);
    keyboard.command(0xae);
    CHECK(keyboard.ask(0x20) == 0x64);
    keyboard.command(0xa8);
    CHECK(keyboard.ask(0x20) == 0x44);
    keyboard.command(0xad);
    keyboard.command(0xa7);
    CHECK(keyboard.ask(0x20) == 0x74);
}

TEST_CASE("pckeyboard has no keyboard: what is sent to it is lost in silence") {
    const Keyboard keyboard;
    keyboard.data(0xff);
    keyboard.command(0xd4);
    keyboard.data(0xff);
    CHECK_FALSE(keyboard.answered());
    CHECK_FALSE(keyboard.context.ended.cause());
}

TEST_CASE("pckeyboard's window leaves ports 0x61 to 0x63 as if nobody were there") {
    const Keyboard keyboard;
    keyboard.context.write(1, 0xfe);
    CHECK(keyboard.context.read(1, 3) == 0xffffff);
}

TEST_CASE("pckeyboard is not announced to ACPI") { CHECK(Catalog{vdev_types()}.find("pckeyboard")->acpi_hid.empty()); }

TEST_CASE("pckeyboard survives any access: a read of the data port empties it") {
    const Keyboard keyboard;
    std::mt19937_64 random{8042};  // NOLINT: the same storm each time
    for (int i = 0; i < 100'000; ++i) {
        const auto width = static_cast<unsigned>(1 + random() % 5);
        const std::uint64_t offset = random() % (6 - width);
        keyboard.context.write(offset, random(), width);
        (void)keyboard.context.read(random() % (6 - width), width);
        if (i % 16 != 0) continue;
        (void)keyboard.context.read(kData);
        REQUIRE_FALSE(keyboard.answered());
    }
}

}  // namespace qvm::x86
