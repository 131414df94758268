// SPDX-License-Identifier: Apache-2.0
// Bus 0 as the guest looks for devices on it, by ports and by memory.
#include "devices/pci/host.hpp"

#include <catch2/catch.hpp>

#include "support/fake_context.hpp"

namespace qvm::test {
namespace {

constexpr PciIdentity kThing{.vendor = 0x1234, .device = 0x5678};

struct Bus0 {
    Bus0() {
        host.add({3, 0}, kThing, {"thing", {}});
        host.add({3, 5}, kThing, {"thing", {}});
        host.add({31, 7}, kThing, {"thing", {}});
        host.connect();
    }
    void address(std::uint64_t value) { PciDriver::put(host.ports(), 0, value, 4); }
    [[nodiscard]] std::uint64_t in(std::uint64_t port, unsigned width) {
        return PciDriver::get(host.ports(), port - 0xcf8, width);
    }
    void out(std::uint64_t port, std::uint64_t value, unsigned width) {
        PciDriver::put(host.ports(), port - 0xcf8, value, width);
    }

    Log log{"test", silence()};
    FakeMsiRouter router;
    RecordingDoorbells bells;
    RecordingIrq line;
    PciHost host{{router, bells, log, Range::make(0xe000'0000, kMiB), {{line, 16}}}};
};

}  // namespace

TEST_CASE("the host bridge is function 0 of device 0") {
    Bus0 bus;
    const PciDriver bridge{bus.host, {0, 0}, 0};
    CHECK(bridge.config(0x0b, 1) == 0x06);  // a bridge
    CHECK(bridge.config(0x0a, 1) == 0x00);  // to the host
    CHECK(bridge.config(0x0e, 1) == 0);
    CHECK(bridge.config(0x3d, 1) == 0);  // no pin
    for (unsigned bar = 0; bar < 6; ++bar) {
        bridge.set_config(0x10 + 4ULL * bar, 0xffff'ffff);
        CHECK(bridge.config(0x10 + 4ULL * bar) == 0);
    }
}

TEST_CASE("function 0 says that there are others (6.2.1)") {
    Bus0 bus;
    CHECK(PciDriver{bus.host, {3, 0}, 0}.config(0x0e, 1) == 0x80);
    CHECK(PciDriver{bus.host, {3, 5}, 0}.config(0x0e, 1) == 0);
}

TEST_CASE("functions that are not there read as ones and swallow writes") {
    Bus0 bus;
    unsigned found = 0;
    for (unsigned index = 0; index < PciSlot::kCount; ++index) {
        const PciDriver driver{bus.host, PciSlot::at(index), 0};
        if (driver.config(0, 2) != 0xffff) {
            ++found;
            continue;
        }
        driver.set_config(0x04, 0);
        CHECK(driver.config(0x04) == 0xffff'ffff);
        CHECK(driver.config(0xffc) == 0xffff'ffff);
    }
    CHECK(found == 4);
}

TEST_CASE("ECAM and ports show the same registers (3.2.2.3.2)") {
    Bus0 bus;
    bus.address(0x8000'0000 | 3U << 11 | 5U << 8 | 0x3c);
    bus.out(0xcfc, 0x2a, 1);
    CHECK(PciDriver{bus.host, {3, 5}, 0}.config(0x3c, 1) == 0x2a);
    bus.address(0x8000'0000 | 31U << 11 | 7U << 8);
    CHECK(bus.in(0xcfc, 4) == 0x5678'1234);
    CHECK(bus.in(0xcfe, 2) == 0x5678);
    CHECK(bus.in(0xcfd, 1) == 0x12);
    CHECK(bus.in(0xcfd, 2) == 0x7812);
}

TEST_CASE("only a dword sets the address, and only its known bits stay") {
    Bus0 bus;
    bus.address(0xffff'ffff);
    CHECK(bus.in(0xcf8, 4) == 0x80ff'fffc);
    bus.address(0x8000'1800);
    bus.out(0xcf9, 0x06, 1);  // a PC's reset register lies in between
    bus.out(0xcfb, 0x00, 1);
    bus.out(0xcf8, 0x0000, 2);
    CHECK(bus.in(0xcf8, 4) == 0x8000'1800);
    CHECK(bus.in(0xcf8, 1) == 0xff);
    CHECK(bus.in(0xcfa, 2) == 0xffff);
    CHECK(bus.in(0xcfa, 4) == 0xffff'ffff);  // across both
    CHECK(bus.in(0xcf8, 8) == UINT64_MAX);
    bus.out(0xcf8, UINT64_MAX, 8);
    CHECK(bus.in(0xcf8, 4) == 0x8000'1800);
}

TEST_CASE("the data port is nobody's while it is disabled, or for another bus") {
    Bus0 bus;
    const std::uint64_t thing = 3U << 11;
    for (const std::uint64_t address : {thing, 0x8001'0000 | thing, 0x80ff'0000 | thing}) {
        bus.address(address | 0x3c);
        CHECK(bus.in(0xcfc, 4) == 0xffff'ffff);
        bus.out(0xcfc, 0x55, 1);
    }
    CHECK(PciDriver{bus.host, {3, 0}, 0}.config(0x3c, 1) == 0);
}

TEST_CASE("wide and misaligned accesses to ECAM are cut at dwords and do no harm") {
    Bus0 bus;
    const PciDriver thing{bus.host, {3, 0}, 0};
    CHECK(thing.config(0x00, 8) == 0x0000'0000'5678'1234);
    thing.set_config(0x38, 0xffff'ffff'ffff'ffff, 8);
    CHECK(thing.config(0x38, 8) == 0x0000'00ff'0000'0000);
    CHECK(thing.config(0x02, 4) == 0x0000'5678);
    thing.set_config(0x3b, 0x1234, 2);
    CHECK(thing.config(0x3c, 1) == 0x12);
    // From the last function of one device, which is there, to the first of the next one.
    CHECK(PciDriver{bus.host, {31, 7}, 0}.config(0xffe, 2) == 0);
    CHECK(PciDriver::get(bus.host.ecam(), (3ULL << 15) - 4, 8) == 0x5678'1234'ffff'ffff);
}

TEST_CASE("a dword at the end of ECAM stays inside") {
    Bus0 bus;
    CHECK(PciDriver::get(bus.host.ecam(), PciHost::kEcamSize - 4, 4) == 0);
    PciDriver::put(bus.host.ecam(), PciHost::kEcamSize - 8, UINT64_MAX, 8);
    CHECK(PciDriver::get(bus.host.ecam(), PciHost::kEcamSize - 8, 8) == 0);
}

TEST_CASE("without an interrupt line there is no PCI") {
    Log log{"test", silence()};
    FakeMsiRouter router;
    RecordingDoorbells bells;
    CHECK_THROWS_AS(PciHost(PciHost::Setup{router, bells, log, {}, {}}), std::logic_error);
}

TEST_CASE("without a window BARs have a size but no place") {
    Log log{"test", silence()};
    FakeMsiRouter router;
    RecordingDoorbells bells;
    RecordingIrq line;
    PciHost host{{router, bells, log, {}, {{line, 16}}}};
    host.add({1, 0}, kThing, {"thing", {}}).add_msix(0, 2);
    CHECK(PciDriver{host, {1, 0}, 0}.bar(0) == 0);
    CHECK(host.facts().at(1).bars.empty());
    CHECK(host.facts().at(1).vectors == 2);
}

TEST_CASE("the window is filled from below, each BAR on a border of its size") {
    PciWindow window{Range::make(0x1000, 0x1'0000)};
    CHECK(window.take(0x4000) == Range::make(0x4000, 0x4000));
    CHECK(window.take(0x1000) == Range::make(0x1000, 0x1000));
    CHECK(window.take(0x8000) == Range::make(0x8000, 0x8000));
    CHECK(window.take(0x2000) == Range::make(0x2000, 0x2000));
    CHECK_FALSE(window.take(0x2000));
    CHECK(window.take(0x1000) == Range::make(0x1'0000, 0x1000));
    CHECK_FALSE(window.take(0x1000));
}

}  // namespace qvm::test
