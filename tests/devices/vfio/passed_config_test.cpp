// SPDX-License-Identifier: Apache-2.0
// Which bits of its configuration space a passed function has from the device, and which from us.
#include "devices/vfio/passed_config.hpp"

#include <catch2/catch.hpp>

#include "support/passed_guest.hpp"
#include "vmm/error.hpp"

namespace qvm::test {
namespace {

constexpr std::uint64_t kBar0 = 0x10, kRom = 0x30, kPointer = 0x34, kLine = 0x3c, kPin = 0x3d;

TEST_CASE("a passed function shows what the device is, and writes reach the device") {
    PassedGuest guest;
    guest.device.set<std::uint32_t>(0x08, 0x0108'0202);
    guest.device.set<std::uint8_t>(0x60, 0x11);
    guest.start();
    const PciDriver driver = guest.driver();
    CHECK(driver.config(0) == 0x56781234);
    CHECK(driver.config(8) == 0x0108'0202);
    driver.set_config(0x60, 0xabcd, 2);
    CHECK(guest.device.get<std::uint16_t>(0x60) == 0xabcd);
    CHECK(driver.config(0x60, 2) == 0xabcd);
}

TEST_CASE("what depends on the guest's board is not the device's") {
    PassedGuest guest;
    guest.device.set<std::uint16_t>(0x04, 0x0007);
    guest.device.set<std::uint32_t>(kBar0, 0x0000'e001);  // ports
    guest.device.set<std::uint32_t>(kRom, 0xfe00'0001);
    guest.device.set<std::uint8_t>(0x0e, 0x80);
    guest.device.set<std::uint16_t>(kLine, 0x010b);
    guest.device.add_interrupts(VfioDevice::kIntx, 1);
    guest.start();
    const PciDriver driver = guest.driver();
    CHECK(driver.config(kBar0) == 0);
    CHECK(driver.config(kRom) == 0);
    CHECK(driver.config(0x0e, 1) == 0);
    CHECK(driver.config(kLine, 1) == 16);
    CHECK(driver.config(kPin, 1) == 1);
    for (const std::uint64_t fixed : {kBar0, kRom}) {
        driver.set_config(fixed, 0xffff'ffff);
        CHECK(driver.config(fixed) == 0);
    }
    driver.set_config(kLine, 0x33, 1);
    CHECK(driver.config(kLine, 1) == 0x33);
    CHECK(guest.device.get<std::uint32_t>(kRom) == 0xfe00'0001);
    CHECK(guest.device.get<std::uint8_t>(kLine) == 0x0b);

    // Neither ports nor Interrupt Disable are the device's business; the rest of the register is.
    driver.set_command(0x0507);
    CHECK(guest.device.get<std::uint16_t>(0x04) == 0x0106);
    CHECK(driver.config(0x04, 2) == 0x0506);
}

TEST_CASE("of a write across what is ours the device gets the rest, and only that") {
    PassedGuest guest;
    guest.device.set<std::uint32_t>(kLine, 0x0102'010b);
    guest.start();
    guest.driver().set_config(kLine, 0x0403'0a0c);
    CHECK(guest.device.get<std::uint32_t>(kLine) == 0x0403'010b);
}

TEST_CASE("a passed function without a pin shows none") {
    PassedGuest guest;
    guest.device.set<std::uint8_t>(kPin, 1);
    guest.start();
    CHECK(guest.driver().config(kPin, 1) == 0);
    CHECK(guest.device.calls.empty());
}

TEST_CASE("capabilities that lead out of a passed function are not in its list") {
    PassedGuest guest;
    guest.device.add_capability(0x14, 0x40);  // Enhanced Allocation, first in the list
    guest.device.add_capability(0x01, 0x50);
    guest.device.add_capability(0x04, 0x60);  // slot identification, in the middle
    guest.device.add_capability(0x09, 0x70);
    guest.device.add_capability(0x08, 0x80);  // HyperTransport, last
    guest.start();
    const PciDriver driver = guest.driver();
    CHECK((driver.config(0x06, 2) & 0x10) != 0);
    CHECK(driver.config(kPointer, 1) == 0x50);
    CHECK(driver.config(0x50, 2) == 0x7001);
    CHECK(driver.config(0x70, 2) == 0x0009);
}

TEST_CASE("a list of capabilities that goes in circles or is all hidden ends") {
    PassedGuest circle;
    circle.device.add_capability(0x09, 0x40);
    circle.device.add_capability(0x09, 0x48);
    circle.device.set<std::uint8_t>(0x49, 0x40);
    circle.start();
    CHECK(circle.driver().config(0x40, 2) == 0x4809);
    CHECK(circle.driver().config(0x48, 2) == 0x0009);

    PassedGuest hidden;
    hidden.device.add_capability(0x14, 0x40);
    hidden.start();
    CHECK(hidden.driver().config(kPointer, 1) == 0);
    CHECK((hidden.driver().config(0x06, 2) & 0x10) == 0);
}

TEST_CASE("extended capabilities that need an IOMMU or other functions become capabilities of no kind") {
    PassedGuest guest;
    guest.device.set<std::uint32_t>(0x100, 0x1401'0010);  // SR-IOV, then at 0x140
    guest.device.set<std::uint32_t>(0x140, 0x1501'0003);  // a serial number, then at 0x150
    guest.device.set<std::uint32_t>(0x150, 0x1401'000f);  // ATS, back at 0x140
    guest.start();
    const PciDriver driver = guest.driver();
    CHECK(driver.config(0x100) == 0x1400'0000);
    CHECK(driver.config(0x140) == 0x1501'0003);
    CHECK(driver.config(0x150) == 0x1400'0000);
    driver.set_config(0x100, 0xffff'ffff);
    CHECK(guest.device.get<std::uint32_t>(0x100) == 0x1401'0010);
}

TEST_CASE("a passed function says that it sleeps, and stays awake") {
    PassedGuest guest;
    guest.device.add_capability(0x01, 0x40);
    guest.device.set<std::uint16_t>(0x44, 0x0008);
    guest.device.add_bar(0, 0x4000);
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_command(PciDriver::kMemorySpace);
    REQUIRE(guest.memory.all.at(0).at);
    driver.set_config(0x44, 0x8003, 2);  // D3hot, and PME Status cleared
    CHECK(driver.config(0x44, 2) == 0x8003);
    CHECK(guest.device.get<std::uint16_t>(0x44) == 0x8000);
    CHECK_FALSE(guest.memory.all[0].at);
    driver.set_config(0x44, 0x0000, 2);
    CHECK(guest.memory.all[0].at == PassedGuest::kWindow);
}

TEST_CASE("an endpoint of PCI Express is an integrated one on the guest's bus") {
    PassedGuest guest;
    guest.device.add_capability(0x10, 0x40);
    guest.device.set<std::uint16_t>(0x42, 0x0002);
    guest.start();
    CHECK(guest.driver().config(0x42, 2) == 0x0092);
}

TEST_CASE("a conventional function has 256 bytes, and zeros behind them") {
    FakeVfio device;
    PassedConfig config{device};
    std::array<std::byte, 4> data{};
    config.read(0xffc, data);
    CHECK(pci::load(data) == 0);
}

TEST_CASE("a device that is no endpoint or does not answer cannot be passed") {
    PassedGuest bridge;
    bridge.device.set<std::uint8_t>(0x0e, 0x01);
    CHECK_THROWS_AS(bridge.make(), HostError);
    PassedGuest silent;
    silent.device.gone = true;
    CHECK_THROWS_AS(silent.make(), HostError);
}

TEST_CASE("a device that goes away reads as ones") {
    PassedGuest guest;
    guest.start();
    guest.device.gone = true;
    CHECK(guest.driver().config(0) == 0xffff'ffff);
    guest.driver().set_config(0x60, 1);
    CHECK(guest.driver().config(kBar0) == 0);
}

}  // namespace
}  // namespace qvm::test
