// SPDX-License-Identifier: Apache-2.0
// Places in ARM DDI 0183, revision r1p5.
#include <catch2/catch.hpp>
#include <random>

#include "devices/catalog.hpp"
#include "support/fake_context.hpp"

namespace qvm {
namespace {

constexpr unsigned kDr = 0, kRsr = 4, kFr = 0x18, kIbrd = 0x24, kFbrd = 0x28, kLcrH = 0x2c, kCr = 0x30, kIfls = 0x34;
constexpr unsigned kImsc = 0x38, kRis = 0x3c, kMis = 0x40, kIcr = 0x44, kDmacr = 0x48;
constexpr unsigned kRx = 0x10, kTx = 0x20, kRt = 0x40, kOe = 0x400;
constexpr unsigned kRxfe = 0x10, kTxff = 0x20, kRxff = 0x40, kTxfe = 0x80, kBusy = 8;
constexpr unsigned kFen = 0x10, kOn = 0x301;  // UARTEN, TXE, RXE

struct Uart {
    Uart() {
        const Catalog catalog{common_vdev_types()};
        const VdevType* type = catalog.find("pl011");
        vdev = type->make(test::FakeSpec{type->syntax}.get(), context);
        vdev->start();
    }
    [[nodiscard]] unsigned read(unsigned reg) const { return static_cast<unsigned>(context.read(reg, 4)); }
    void write(unsigned reg, unsigned value) const { context.write(reg, value, 4); }

    test::FakeContext context;
    std::unique_ptr<Vdev> vdev;
};

}  // namespace

TEST_CASE("pl011 says what it is (3.3.15 to 3.3.22) and how it is after reset (table 3-1)") {
    const Uart uart;
    CHECK(uart.context.window == 0x1000);
    CHECK(uart.read(0xfe0) == 0x11);
    CHECK(uart.read(0xfe4) == 0x10);
    CHECK(uart.read(0xfe8) == 0x34);
    CHECK(uart.read(0xff0) == 0x0d);
    CHECK(uart.read(0xffc) == 0xb1);
    CHECK(uart.read(kCr) == 0x300);
    CHECK(uart.read(kIfls) == 0x12);
    CHECK((uart.read(kFr) & (kRxfe | kTxfe | kTxff | kRxff | kBusy)) == (kRxfe | kTxfe));
    CHECK(uart.read(kRis) == 0);
}

TEST_CASE("pl011 has nothing to do with its host end before its start, which a check of a file never gets to") {
    const Catalog catalog{common_vdev_types()};
    const VdevType* type = catalog.find("pl011");
    test::FakeContext context;
    const auto vdev = type->make(test::FakeSpec{type->syntax}.get(), context);
    CHECK(context.host.client == nullptr);
    vdev->start();
    CHECK(context.host.client != nullptr);
}

TEST_CASE("pl011 sends what is written to UARTDR, of any width, and says when more fits") {
    const Uart uart;
    uart.write(kDr, 'o');
    uart.context.write(kDr, 'k', 1);
    CHECK(uart.context.host.output == "ok");
    CHECK((uart.read(kRis) & kTx) != 0);
    CHECK_FALSE(uart.context.line.high());
    uart.write(kImsc, kTx);
    CHECK(uart.context.line.high());
    CHECK(uart.read(kMis) == kTx);
    uart.write(kIcr, kTx);
    CHECK_FALSE(uart.context.line.high());
}

TEST_CASE("pl011 keeps what a slow host end does not take, and interrupts when the level is reached (3.3.9)") {
    Uart uart;
    uart.write(kCr, kOn);
    uart.write(kLcrH, kFen);
    uart.context.host.room = 0;
    for (unsigned i = 0; i < 32; ++i) uart.write(kDr, 'x');
    CHECK((uart.read(kFr) & (kTxff | kTxfe | kBusy)) == (kTxff | kBusy));
    uart.write(kImsc, kTx);
    CHECK_FALSE(uart.context.line.high());
    uart.write(kDr, 'y');  // lost
    uart.context.host.make_room(15);
    CHECK_FALSE(uart.context.line.high());  // 17 are left, the level is 16
    uart.context.host.make_room(1);
    CHECK(uart.context.line.high());
    uart.context.host.make_room(100);
    CHECK(uart.context.host.output == std::string(32, 'x'));
}

TEST_CASE("pl011 interrupts for input at its level, and for less by its timeout (3.3.9, 2.8.4)") {
    Uart uart;
    uart.write(kCr, kOn);
    uart.write(kLcrH, kFen);
    uart.write(kImsc, kRx | kRt);
    CHECK(uart.context.host.type("abc") == 3);
    CHECK(uart.read(kMis) == kRt);
    CHECK(uart.context.host.type("0123456789abc") == 13);
    CHECK(uart.read(kMis) == (kRx | kRt));
    CHECK(uart.read(kDr) == 'a');
    CHECK(uart.read(kMis) == kRt);  // below the level of 16
    for (unsigned i = 0; i < 15; ++i) (void)uart.read(kDr);
    CHECK_FALSE(uart.context.line.high());
    CHECK((uart.read(kFr) & kRxfe) != 0);
}

TEST_CASE("pl011 without FIFOs holds one character, and asks for the next when that was read") {
    Uart uart;
    uart.write(kCr, kOn);
    uart.write(kImsc, kRx);
    CHECK(uart.context.host.type("ab") == 1);
    CHECK(uart.context.line.high());
    CHECK((uart.read(kFr) & kRxff) != 0);
    CHECK(uart.context.host.resumed == 0);
    CHECK(uart.read(kDr) == 'a');
    CHECK(uart.context.host.resumed == 1);
}

TEST_CASE("pl011 takes no input before it is enabled, and asks for it then") {
    Uart uart;
    CHECK(uart.context.host.type("a") == 0);
    uart.write(kCr, kOn);
    CHECK(uart.context.host.resumed == 1);
    CHECK(uart.context.host.type("a") == 1);
}

TEST_CASE("pl011 looped back hears itself, counts an overrun and reports its own modem lines (2.7, 3.3.2)") {
    Uart uart;
    uart.write(kCr, kOn | 0x80 | 0x800);  // LBE, RTS
    CHECK((uart.read(kFr) & 7) == 1);     // CTS alone
    uart.write(kDr, 'a');
    uart.write(kDr, 'b');
    CHECK(uart.context.host.output.empty());
    CHECK((uart.read(kRis) & kOe) != 0);
    CHECK(uart.read(kRsr) == 8);
    CHECK((uart.read(kDr) & 0xff) == 'a');
    uart.write(kRsr, 0);
    CHECK(uart.read(kRsr) == 0);
}

TEST_CASE("pl011 keeps its divisors and has no DMA") {
    const Uart uart;
    uart.write(kIbrd, 0x1'2345);
    uart.write(kFbrd, 0xff);
    uart.write(kDmacr, 7);
    CHECK(uart.read(kIbrd) == 0x2345);
    CHECK(uart.read(kFbrd) == 0x3f);
    CHECK(uart.read(kDmacr) == 0);
}

TEST_CASE("pl011 bears any access") {
    Uart uart;
    std::mt19937 random{20260102};
    for (int i = 0; i < 20000; ++i) {
        const unsigned width = 1U << random() % 4;
        const unsigned offset = static_cast<unsigned>(random() % (0x1000 - width));
        if (random() % 2 != 0)
            uart.context.write(random() % 2 != 0 ? offset : offset & 0x4c, random(), width);
        else
            (void)uart.context.read(offset, width);
        if (random() % 16 == 0) (void)uart.context.host.type("hello");
    }
    SUCCEED();
}

}  // namespace qvm
