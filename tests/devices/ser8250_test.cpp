// SPDX-License-Identifier: Apache-2.0
// Places in the data sheet: National Semiconductor PC16550D, June 1995.
#include <catch2/catch.hpp>
#include <random>

#include "devices/catalog.hpp"
#include "support/fake_context.hpp"

namespace qvm {
namespace {

constexpr unsigned kRbrThr = 0, kIer = 1, kIirFcr = 2, kLcr = 3, kMcr = 4, kLsr = 5, kMsr = 6, kScr = 7;
constexpr unsigned kIerReceive = 1, kIerTransmit = 2, kIerLine = 4, kIerModem = 8;
constexpr unsigned kNone = 0x01, kThrEmpty = 0x02, kData = 0x04, kTimeout = 0x0c, kLineStatus = 0x06, kModem = 0x00;
constexpr unsigned kFifosOn = 0xc0;
constexpr unsigned kThre = 0x20, kTemt = 0x40, kDr = 0x01, kOe = 0x02;

struct Uart {
    Uart() {
        const Catalog catalog{common_vdev_types()};
        const VdevType* type = catalog.find("ser8250");
        vdev = type->make(test::FakeSpec{type->syntax}.get(), context);
        vdev->start();
    }
    [[nodiscard]] unsigned read(unsigned reg) const { return static_cast<unsigned>(context.read(reg)); }
    void write(unsigned reg, unsigned value) const { context.write(reg, value); }
    [[nodiscard]] unsigned cause() const { return read(kIirFcr) & 0x0f; }

    test::FakeContext context;
    std::unique_ptr<Vdev> vdev;
};

}  // namespace

TEST_CASE("ser8250 has eight ports and is announced as a 16550A to ACPI") {
    const Uart uart;
    CHECK(uart.context.window == 8);
    CHECK(Catalog{common_vdev_types()}.find("ser8250")->acpi_hid == "PNP0501");
}

TEST_CASE("ser8250 after reset is an empty transmitter without interrupts (table I)") {
    const Uart uart;
    CHECK(uart.read(kLsr) == (kThre | kTemt));
    CHECK(uart.read(kIirFcr) == kNone);
    CHECK(uart.read(kIer) == 0);
    CHECK(uart.read(kMsr) == 0xb0);
    CHECK_FALSE(uart.context.line.high());
}

TEST_CASE("ser8250 sends what is written to THR, in order and of any width") {
    const Uart uart;
    uart.write(kRbrThr, 'o');
    uart.write(kRbrThr, 'k');
    CHECK(uart.context.host.output == "ok");
    uart.context.write(kRbrThr, 0x0341, 2);  // one cycle for THR, one for IER
    CHECK(uart.context.host.output == "okA");
    CHECK(uart.read(kIer) == 3);
}

TEST_CASE("ser8250 tells its host end that the guest begins to use it (qvmconf 3.4)") {
    Uart uart;
    CHECK_FALSE(uart.context.host.used);
    SECTION("by a read") { (void)uart.read(kLsr); }
    SECTION("by a write") { uart.write(kScr, 0); }
    CHECK(uart.context.host.used);
}

TEST_CASE("ser8250 keeps scratch, LCR and the divisor, which DLAB puts over RBR and IER (8.1)") {
    const Uart uart;
    uart.write(kScr, 0x5a);
    uart.write(kLcr, 0x83);
    uart.write(kRbrThr, 0x01);
    uart.write(kIer, 0x02);
    CHECK(uart.read(kRbrThr) == 0x01);
    CHECK(uart.read(kIer) == 0x02);
    CHECK(uart.context.host.output.empty());
    uart.write(kLcr, 0x03);
    CHECK(uart.read(kIer) == 0);
    CHECK(uart.read(kScr) == 0x5a);
}

TEST_CASE("ser8250's IER and MCR have only the bits that exist, which is how Linux tells a UART from nothing") {
    const Uart uart;
    uart.write(kIer, 0xff);
    CHECK(uart.read(kIer) == 0x0f);
    uart.write(kMcr, 0xff);
    CHECK(uart.read(kMcr) == 0x1f);
}

TEST_CASE("ser8250 shows a 16550A by the two FIFO bits, only while FIFOs are on (8.5)") {
    const Uart uart;
    uart.write(kIirFcr, 0x01);
    CHECK(uart.read(kIirFcr) == (kFifosOn | kNone));
    uart.write(kIirFcr, 0x00);
    CHECK(uart.read(kIirFcr) == kNone);
}

TEST_CASE("ser8250 raises THRE when it is enabled on an empty transmitter, and each time anew (8.5, 8.6)") {
    const Uart uart;
    for (int i = 0; i < 2; ++i) {  // Linux tests the second time for UART_BUG_THRE
        uart.write(kIer, kIerTransmit);
        CHECK(uart.context.line.high());
        CHECK(uart.cause() == kThrEmpty);
        CHECK_FALSE(uart.context.line.high());
        CHECK(uart.cause() == kNone);
        uart.write(kIer, 0);
    }
    CHECK(uart.context.line.rises() == 2);
}

TEST_CASE("ser8250 does not repeat a THRE that was acknowledged when IER is written with the same bit") {
    const Uart uart;
    uart.write(kIer, kIerTransmit);
    CHECK(uart.cause() == kThrEmpty);
    uart.write(kIer, kIerTransmit | kIerReceive);
    CHECK_FALSE(uart.context.line.high());
}

TEST_CASE("ser8250's THRE returns after each byte that goes out") {
    const Uart uart;
    uart.write(kIer, kIerTransmit);
    CHECK(uart.cause() == kThrEmpty);
    uart.write(kRbrThr, 'a');
    CHECK(uart.context.line.high());
    CHECK(uart.cause() == kThrEmpty);
}

TEST_CASE("ser8250's THRE stays when IIR shows something more important (table IV)") {
    Uart uart;
    uart.write(kIer, kIerTransmit | kIerReceive);
    uart.context.host.type("x");
    CHECK(uart.cause() == kData);
    CHECK(uart.read(kRbrThr) == 'x');
    CHECK(uart.cause() == kThrEmpty);
    CHECK(uart.cause() == kNone);
}

TEST_CASE("ser8250 without FIFOs takes one byte at a time and asks for the next") {
    Uart uart;
    uart.write(kIer, kIerReceive);
    CHECK(uart.context.host.type("ab") == 1);
    CHECK(uart.context.line.high());
    CHECK((uart.read(kLsr) & kDr) != 0);
    CHECK(uart.context.host.resumed == 0);
    CHECK(uart.read(kRbrThr) == 'a');
    CHECK(uart.context.host.resumed == 1);
    CHECK_FALSE(uart.context.line.high());
    CHECK((uart.read(kLsr) & kDr) == 0);
}

TEST_CASE("ser8250's FIFO takes sixteen and loses nothing of a fast host") {
    Uart uart;
    uart.write(kIirFcr, 0x01);
    CHECK(uart.context.host.type("0123456789abcdefXYZ") == 16);
    CHECK(uart.context.host.type("XYZ") == 0);
    std::string seen;
    while ((uart.read(kLsr) & kDr) != 0) seen.push_back(static_cast<char>(uart.read(kRbrThr)));
    CHECK(seen == "0123456789abcdef");
    CHECK(uart.context.host.resumed == 1);
    CHECK((uart.read(kLsr) & kOe) == 0);
}

TEST_CASE("ser8250 reports data from the trigger level on, and a timeout below it (8.4, 8.5)") {
    Uart uart;
    uart.write(kIer, kIerReceive);
    const auto [fcr, level] = GENERATE(table<unsigned, unsigned>({{0x01, 1}, {0x41, 4}, {0x81, 8}, {0xc1, 14}}));
    uart.write(kIirFcr, fcr);
    for (unsigned held = 1; held <= 16; ++held) {
        uart.context.host.type("q");
        INFO("trigger level " << level << ", " << held << " bytes");
        CHECK(uart.cause() == (held >= level ? kData : kTimeout));
    }
}

TEST_CASE("ser8250's FCR resets the FIFOs one by one (8.4)") {
    Uart uart;
    uart.write(kIirFcr, 0x01);
    uart.context.host.room = 0;
    uart.write(kRbrThr, 'a');
    uart.context.host.type("in");
    uart.write(kIirFcr, 0x03);
    CHECK((uart.read(kLsr) & (kDr | kThre)) == 0);
    uart.write(kIirFcr, 0x05);
    CHECK((uart.read(kLsr) & kThre) != 0);
    uart.context.host.make_room(10);
    CHECK(uart.context.host.output.empty());
}

TEST_CASE("ser8250's FCR bits count only together with the enable bit (8.4)") {
    Uart uart;
    uart.context.host.type("k");
    uart.write(kIirFcr, 0x06);
    CHECK((uart.read(kLsr) & kDr) != 0);
}

TEST_CASE("ser8250 holds THRE back while the host takes nothing, and goes on where it stopped") {
    Uart uart;
    uart.write(kIirFcr, 0x01);
    uart.write(kIer, kIerTransmit);
    CHECK(uart.cause() == kThrEmpty);
    uart.context.host.room = 2;
    for (const char c : std::string{"0123456789"}) uart.write(kRbrThr, static_cast<unsigned>(c));
    CHECK((uart.read(kLsr) & (kThre | kTemt)) == 0);
    CHECK_FALSE(uart.context.line.high());
    uart.context.host.make_room(4);
    CHECK((uart.read(kLsr) & kThre) == 0);
    uart.context.host.make_room(100);
    CHECK(uart.context.host.output == "0123456789");
    CHECK((uart.read(kLsr) & kThre) != 0);
    CHECK(uart.cause() == kThrEmpty);
}

TEST_CASE("ser8250 drops what a guest writes into a full transmitter, and nothing else") {
    Uart uart;
    uart.write(kIirFcr, 0x01);
    uart.context.host.room = 0;
    for (unsigned i = 0; i < 40; ++i) uart.write(kRbrThr, 'a' + i % 26);
    uart.context.host.make_room(1000);
    CHECK(uart.context.host.output == "abcdefghijklmnop");
}

TEST_CASE("ser8250's loopback joins transmitter and receiver and leaves the host out (8.7)") {
    Uart uart;
    uart.write(kIirFcr, 0x01);
    uart.write(kMcr, 0x10);
    uart.write(kRbrThr, 'L');
    CHECK(uart.context.host.output.empty());
    CHECK(uart.read(kRbrThr) == 'L');
    CHECK(uart.context.host.type("late") == 0);
    CHECK(uart.context.host.resumed == 0);
    uart.write(kMcr, 0);
    CHECK(uart.context.host.resumed == 1);
}

TEST_CASE("ser8250's loopback shows the modem outputs as inputs, as Linux's probe wants (8.7)") {
    const Uart uart;
    uart.write(kMcr, 0x1a);  // loop, OUT2, RTS
    CHECK((uart.read(kMsr) & 0xf0) == 0x90);
    uart.write(kMcr, 0x15);  // loop, OUT1, DTR
    CHECK((uart.read(kMsr) & 0xf0) == 0x60);
}

TEST_CASE("ser8250 notes changes of the modem lines until MSR is read (8.8)") {
    const Uart uart;
    uart.write(kMcr, 0x1f);
    (void)uart.read(kMsr);
    uart.write(kIer, kIerModem);
    CHECK_FALSE(uart.context.line.high());
    uart.write(kMcr, 0x10);
    CHECK(uart.context.line.high());
    CHECK(uart.cause() == kModem);
    CHECK((uart.read(kMsr) & 0x0f) == 0x0f);
    CHECK_FALSE(uart.context.line.high());
    uart.write(kMcr, 0x14);  // the ring indicator counts when it goes, not when it comes
    CHECK((uart.read(kMsr) & 0x0f) == 0);
}

TEST_CASE("ser8250's overrun keeps a full FIFO, replaces a single byte, and shows once (8.3)") {
    const Uart uart;
    uart.write(kIer, kIerLine);
    uart.write(kMcr, 0x10);
    SECTION("with FIFOs") {
        uart.write(kIirFcr, 0x01);
        for (unsigned i = 0; i < 17; ++i) uart.write(kRbrThr, i);
        CHECK(uart.cause() == kLineStatus);
        CHECK((uart.read(kLsr) & kOe) != 0);
        for (unsigned i = 0; i < 16; ++i) CHECK(uart.read(kRbrThr) == i);
        CHECK((uart.read(kLsr) & kDr) == 0);
    }
    SECTION("without") {
        uart.write(kRbrThr, 'a');
        uart.write(kRbrThr, 'b');
        CHECK((uart.read(kLsr) & kOe) != 0);
        CHECK(uart.read(kRbrThr) == 'b');
    }
    CHECK((uart.read(kLsr) & kOe) == 0);
    CHECK_FALSE(uart.context.line.high());
}

TEST_CASE("ser8250's line does not depend on OUT2") {
    Uart uart;
    uart.write(kIer, kIerReceive);
    uart.context.host.type("x");
    CHECK(uart.context.line.high());
}

TEST_CASE("ser8250 survives any access: the line always says what IIR says") {
    Uart uart;
    std::mt19937_64 random{8250};  // NOLINT: the same storm each time
    for (int i = 0; i < 200'000; ++i) {
        const auto width = static_cast<unsigned>(1 + random() % 8);
        const std::uint64_t offset = random() % (9 - width);
        switch (random() % 8) {
            case 0:
                uart.context.host.type("storm of input");
                break;
            case 1:
                uart.context.host.make_room(random() % 64);
                break;
            case 2:
            case 3:
                (void)uart.context.read(offset, width);
                break;
            default:
                uart.context.write(offset, random(), width);
        }
        if (i % 64 != 0) continue;
        uart.context.host.output.clear();
        const bool high = uart.context.line.high();
        REQUIRE(high == ((uart.read(kIirFcr) & 1) == 0));
    }
}

}  // namespace qvm
