// SPDX-License-Identifier: Apache-2.0
// A function as guest and device see it. Source: PCI Local Bus Specification 3.0, chapter 6.
#include "devices/pci/endpoint.hpp"

#include <catch2/catch.hpp>

#include "support/fake_context.hpp"

namespace qvm::test {
namespace {

constexpr std::uint64_t kWindow = 0xe000'0000;
constexpr PciIdentity kThing{.vendor = 0x1234,
                             .device = 0x5678,
                             .revision = 3,
                             .class_code = 0x01'08'02,
                             .subsystem_vendor = 0x9abc,
                             .subsystem = 0xdef0};

/// Registers that remember the last access.
class Registers final : public IoDevice {
public:
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        last = offset;
        pci::store(data, value);
    }
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        last = offset;
        width = data.size();
        value = pci::load(data);
    }
    std::uint64_t last = UINT64_MAX;
    std::uint64_t value = 0;
    std::size_t width = 0;
};

/// A bus with one device on it.
struct Bus0 {
    explicit Bus0(std::optional<Range> window = Range::make(kWindow, kMiB))
        : host{{router, bells, log, window, {{lines[0], 16}, {lines[1], 17}, {lines[2], 18}, {lines[3], 19}}}} {}

    [[nodiscard]] PciDriver driver(PciSlot slot = {3, 0}) { return {host, slot, kWindow}; }

    Log log{"test", silence()};
    FakeMsiRouter router;
    RecordingDoorbells bells;
    std::array<RecordingIrq, 4> lines;
    PciHost host;
};

}  // namespace

TEST_CASE("a function says who it is, and nothing of that can be written (6.2.1)") {
    Bus0 bus;
    bus.host.add({3, 0}, kThing, {"thing", {}});
    const PciDriver driver = bus.driver();
    for (std::uint64_t at = 0; at < 4096; at += 4) {
        if (at == 0x04 || at == 0x0c || at == 0x3c) continue;
        const std::uint64_t before = driver.config(at);
        driver.set_config(at, 0xffff'ffff);
        CHECK(driver.config(at) == before);
    }
    CHECK(driver.config(0x00) == 0x5678'1234);
    CHECK(driver.config(0x08) == 0x01'08'02'03);
    CHECK(driver.config(0x2c) == 0xdef0'9abc);
    CHECK(driver.config(0x0e, 1) == 0);
}

TEST_CASE("a BAR answers to sizing with its size, and is where the guest puts it (6.2.5.1)") {
    Bus0 bus;
    Registers registers;
    bus.host.add({3, 0}, kThing, {"thing", {}}).add_bar(2, 0x4000, registers);
    const PciDriver driver = bus.driver();
    CHECK(driver.bar(2) == kWindow);  // there is no firmware
    driver.set_config(0x18, 0xffff'ffff);
    CHECK(driver.config(0x18) == 0xffff'c000);
    driver.set_config(0x18, kWindow + 0x8123);
    CHECK(driver.config(0x18) == kWindow + 0x8000);

    registers.value = 42;
    CHECK(driver.read(2, 0x10) == 0xffff'ffff);  // not decoded yet
    driver.set_command(PciDriver::kMemorySpace);
    CHECK(driver.read(2, 0x10) == 42);
    CHECK(registers.last == 0x10);
    driver.write(2, 0x3ff8, 0x1122'3344'5566'7788, 8);
    CHECK(registers.value == 0x1122'3344'5566'7788);
    CHECK(registers.width == 8);
    CHECK(PciDriver::get(bus.host.window(), 0x0, 4) == 0xffff'ffff);     // where it was
    CHECK(PciDriver::get(bus.host.window(), 0xbffe, 4) == 0xffff'ffff);  // across its end
    CHECK(bus.host.unclaimed() == 3);
}

TEST_CASE("the halves of a BAR register can be written one by one") {
    Bus0 bus;
    Registers registers;
    bus.host.add({3, 0}, kThing, {"thing", {}}).add_bar(0, 0x1000, registers);
    const PciDriver driver = bus.driver();
    driver.set_command(PciDriver::kMemorySpace);
    driver.set_config(0x10, 0x3000, 2);
    driver.set_config(0x12, 0xe004, 2);
    CHECK(driver.bar(0) == 0xe004'3000);
    driver.write(0, 0, 7);
    CHECK(registers.value == 7);
}

TEST_CASE("doorbells follow their BAR and go when it is not decoded") {
    Bus0 bus;
    Registers registers;
    PciEndpoint& function = bus.host.add({3, 0}, kThing, {"thing", {}});
    function.add_bar(0, 0x1000, registers);
    function.add_doorbell(0, {.address = 0x100, .width = 2}, 77);
    const PciDriver driver = bus.driver();
    CHECK(bus.bells.attached.empty());
    const auto at = [](std::uint64_t address) {
        return std::vector<std::pair<Doorbell, int>>{{{.address = address, .width = 2}, 77}};
    };
    driver.set_command(PciDriver::kMemorySpace);
    CHECK(bus.bells.attached == at(kWindow + 0x100));
    driver.set_config(0x10, kWindow + 0x5000);
    CHECK(bus.bells.attached == at(kWindow + 0x5100));
    driver.set_config(0x10, 0xfec0'0000);  // outside of the window: somebody else's addresses
    CHECK(bus.bells.attached.empty());
    driver.set_config(0x10, kWindow);
    CHECK(bus.bells.attached == at(kWindow + 0x100));
    driver.set_command(0);
    CHECK(bus.bells.attached.empty());
}

TEST_CASE("capabilities are linked in the order in which they came (6.7)") {
    Bus0 bus;
    Registers body;
    PciEndpoint& function = bus.host.add({3, 0}, kThing, {"thing", {}});
    const PciDriver driver = bus.driver();
    CHECK((driver.config(PciDriver::kStatus, 2) & 0x10) == 0);
    const std::array fixed{std::byte{0x11}, std::byte{0x22}, std::byte{0x33}};
    CHECK(function.add_capability(9, fixed) == 0x40);
    CHECK(function.add_capability(9, 6, body) == 0x48);  // on a border of dwords
    CHECK((driver.config(PciDriver::kStatus, 2) & 0x10) != 0);
    CHECK(driver.config(0x34, 1) == 0x40);
    CHECK(driver.config(0x40) == 0x22'11'48'09);
    CHECK(driver.config(0x44, 1) == 0x33);
    CHECK(driver.config(0x49, 1) == 0);
    driver.set_config(0x40, 0xffff'ffff);
    CHECK(driver.config(0x40) == 0x22'11'48'09);
}

TEST_CASE("a device answers for the body of its capability, and for that alone") {
    Bus0 bus;
    Registers body;
    const std::uint8_t at = bus.host.add({3, 0}, kThing, {"thing", {}}).add_capability(9, 14, body);
    const PciDriver driver = bus.driver();
    body.value = 0x8877'6655;
    CHECK(driver.config(at) == 0x6655'0009);  // two bytes of the list, two of the body
    CHECK(body.last == 0);
    CHECK(driver.config(at + 12ULL) == 0x8877'6655);
    CHECK(body.last == 10);
    driver.set_config(at + 12ULL, 0xabcd, 2);
    CHECK(body.last == 10);
    CHECK(body.width == 2);
    CHECK(body.value == 0xabcd);
    body.last = UINT64_MAX;
    driver.set_config(at + 16ULL, 1);
    CHECK(driver.config(at + 16ULL) == 0);
    CHECK(body.last == UINT64_MAX);
}

TEST_CASE("a pin is a level that the guest may disable and whose state it can see (6.2.2, 6.2.3)") {
    Bus0 bus;
    IrqLine& pin = bus.host.add({3, 0}, kThing, {"thing", {}}).intx();
    RecordingIrq& line = bus.lines[3];
    const PciDriver driver = bus.driver();
    CHECK(driver.config(0x3d, 1) == 1);   // INTA
    CHECK(driver.config(0x3c, 1) == 19);  // for guests that believe it
    pin.set(true);
    CHECK(line.high());
    CHECK((driver.config(PciDriver::kStatus, 2) & 0x8) != 0);
    driver.set_command(PciDriver::kInterruptDisable);
    CHECK_FALSE(line.high());
    CHECK((driver.config(PciDriver::kStatus, 2) & 0x8) != 0);
    driver.set_command(0);
    CHECK(line.high());
    pin.set(false);
    CHECK_FALSE(line.high());
    CHECK((driver.config(PciDriver::kStatus, 2) & 0x8) == 0);
}

TEST_CASE("a line is high while one of those that share it pulls (2.2.6)") {
    Bus0 bus;
    IrqLine& a = bus.host.add({3, 0}, kThing, {"a", {}}).intx();
    IrqLine& b = bus.host.add({7, 0}, kThing, {"b", {}}).intx();
    RecordingIrq& line = bus.lines[3];
    a.set(true);
    b.set(true);
    a.set(true);
    a.set(false);
    CHECK(line.high());
    b.set(false);
    CHECK_FALSE(line.high());
    CHECK(line.rises() == 1);
}

TEST_CASE("devices and functions spread over the lines") {
    Bus0 bus;
    for (const PciSlot slot : {PciSlot{1, 0}, PciSlot{1, 1}, PciSlot{1, 7}, PciSlot{2, 0}})
        (void)bus.host.add(slot, kThing, {"thing", {}}).intx();
    CHECK(bus.driver({1, 0}).config(0x3c, 2) == 0x01'11);
    CHECK(bus.driver({1, 1}).config(0x3c, 2) == 0x02'12);
    CHECK(bus.driver({1, 7}).config(0x3c, 2) == 0x04'10);
    CHECK(bus.driver({2, 0}).config(0x3c, 2) == 0x01'12);
    CHECK(bus.host.line_of(1, 1) == 18);
    CHECK(bus.host.line_of(31, 3) == 18);
}

TEST_CASE("a pin leads where the user says") {
    Bus0 bus;
    RecordingIrq chosen;
    IrqLine& pin = bus.host.add({3, 0}, kThing, {"thing", {}}, PciHost::Line{chosen, 40}).intx();
    pin.set(true);
    CHECK(chosen.high());
    CHECK(bus.host.line_of(3, 0) == 40);
    CHECK(bus.host.line_of(4, 0) == 16);
    RecordingIrq other;
    CHECK_THROWS_WITH(bus.host.add({3, 4}, kThing, {"second", {}}, PciHost::Line{other, 41}),
                      "second at pci:0:3.4 has the interrupt pin of another function, which leads elsewhere");
    (void)bus.host.add({3, 4}, kThing, {"second", {}}).intx();
    CHECK(bus.driver({3, 4}).config(0x3c, 2) == 0x01'28);  // it goes where its pin goes
}

TEST_CASE("what no function can have is a mistake of the program") {
    Bus0 bus;
    Registers registers;
    PciEndpoint& function = bus.host.add({3, 0}, kThing, {"thing", {}});
    CHECK_THROWS_AS(function.add_bar(6, 0x1000, registers), std::logic_error);
    CHECK_THROWS_AS(function.add_bar(0, 0x800, registers), std::logic_error);
    CHECK_THROWS_AS(function.add_bar(0, 0x3000, registers), std::logic_error);
    CHECK_THROWS_AS(function.add_msix(0, 0), std::logic_error);
    CHECK_THROWS_AS(function.add_msix(0, 2049), std::logic_error);
    CHECK_THROWS_AS(bus.host.add({3, 0}, kThing, {"thing", {}}), std::logic_error);
    function.add_bar(0, 0x1000, registers);
    CHECK_THROWS_AS(function.add_bar(0, 0x1000, registers), std::logic_error);
    CHECK_THROWS_AS(function.add_capability(9, 250, registers), std::length_error);
}

TEST_CASE("BARs that do not fit the window are the configuration's fault") {
    Bus0 bus;
    Registers registers;
    PciEndpoint& function = bus.host.add({3, 0}, kThing, {"thing", {}});
    function.add_bar(0, 0x8'0000, registers);
    function.add_bar(1, 0x1000, registers);
    CHECK(bus.driver().bar(1) == kWindow + 0x8'0000);
    CHECK_THROWS_WITH(function.add_bar(2, 0x8'0000, registers),
                      "thing needs 0x80000 bytes of PCI's addresses, and they are used up");
}

TEST_CASE("of two BARs in one place one answers, and both find their way out") {
    Bus0 bus;
    Registers first;
    Registers second;
    PciEndpoint& function = bus.host.add({3, 0}, kThing, {"thing", {}});
    function.add_bar(0, 0x1000, first);
    function.add_bar(1, 0x1000, second);
    const PciDriver driver = bus.driver();
    driver.set_command(PciDriver::kMemorySpace);
    driver.set_config(0x14, driver.config(0x10));
    driver.write(1, 0, 5);
    CHECK(first.value == 5);
    CHECK(second.width == 0);
    driver.set_config(0x14, kWindow + 0x8000);
    driver.write(1, 0, 6);
    CHECK(second.value == 6);
}

}  // namespace qvm::test
