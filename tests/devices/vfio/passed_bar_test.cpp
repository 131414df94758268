// SPDX-License-Identifier: Apache-2.0
// BARs of a passed function: mapped where they can be, reached through us where not, and wherever the guest puts them.
#include "devices/vfio/passed_bar.hpp"

#include <catch2/catch.hpp>

#include "support/passed_guest.hpp"
#include "vmm/error.hpp"

namespace qvm::test {
namespace {

constexpr std::uint64_t kBar0 = 0x10, kBar1 = 0x14, kBar2 = 0x18;
constexpr std::uint64_t kPage = FakeVfio::kPage;

std::vector<Range> ranges(std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> list) {
    std::vector<Range> all;
    for (const auto& [start, size] : list) all.push_back(Range::make(start, size).value());
    return all;
}

TEST_CASE("pages that a hole touches are not mapped") {
    const auto hole = [](std::uint64_t start, std::uint64_t size) {
        return BarHole{Range::make(start, size).value(), nullptr, 0};
    };
    const auto area = ranges({{0, 4 * kPage}});
    CHECK(without_holes(area, {}) == area);
    CHECK(without_holes(area, {hole(kPage + 8, 16)}) == ranges({{0, kPage}, {2 * kPage, 2 * kPage}}));
    CHECK(without_holes(area, {hole(3 * kPage, 8), hole(0, 8)}) == ranges({{kPage, 2 * kPage}}));
    CHECK(without_holes(area, {hole(kPage - 4, 8)}) == ranges({{2 * kPage, 2 * kPage}}));
    CHECK(without_holes(area, {hole(0, 4 * kPage)}).empty());
    CHECK(without_holes(area, {hole(9 * kPage, 8)}) == area);
    CHECK(without_holes(ranges({{0, 2048}}), {}).empty());
    CHECK(without_holes(ranges({{0, kPage}, {3 * kPage, kPage}}), {hole(0, 1)}) == ranges({{3 * kPage, kPage}}));
}

TEST_CASE("a passed BAR tells its size, begins in the window, and is seen while memory is decoded") {
    PassedGuest guest;
    guest.device.add_bar(0, 0x4000);
    guest.start();
    const PciDriver driver = guest.driver();
    CHECK(driver.config(kBar0) == PassedGuest::kWindow);
    driver.set_config(kBar0, 0xffff'ffff);
    CHECK(driver.config(kBar0) == 0xffff'c000);
    driver.set_config(kBar0, PassedGuest::kWindow);
    REQUIRE(guest.memory.all.size() == 1);
    CHECK(guest.memory.all[0].size == 0x4000);
    CHECK_FALSE(guest.memory.all[0].at);

    driver.set_command(PciDriver::kMemorySpace);
    CHECK(guest.memory.all[0].at == PassedGuest::kWindow);
    driver.set_config(kBar0, PassedGuest::kWindow + 0x10'0000);
    CHECK(guest.memory.all[0].at == PassedGuest::kWindow + 0x10'0000);
    driver.set_command(0);
    CHECK_FALSE(guest.memory.all[0].at);
    CHECK(guest.device.get<std::uint32_t>(kBar0) == 0xc000'0000);  // where it is on the host is the host's business
}

TEST_CASE("a BAR outside the window is nowhere") {
    PassedGuest guest;
    guest.device.add_bar(0, 0x4000);
    guest.start();
    const PciDriver driver = guest.driver();
    driver.set_command(PciDriver::kMemorySpace);
    driver.set_config(kBar0, 0x1000'0000);
    CHECK_FALSE(guest.memory.all[0].at);
    driver.set_config(kBar0, PassedGuest::kWindow + PassedGuest::kWindowSize);
    CHECK_FALSE(guest.memory.all[0].at);
    driver.set_config(kBar0, PassedGuest::kWindow + PassedGuest::kWindowSize - 0x4000);
    CHECK(guest.memory.all[0].at);
}

TEST_CASE("a 64-bit BAR has two registers and the device's flags") {
    PassedGuest guest;
    guest.device.add_bar(0, 0x4000, 0xc);  // prefetchable, too
    guest.device.add_bar(2, 0x1000);
    guest.start();
    const PciDriver driver = guest.driver();
    CHECK(driver.config(kBar0) == (PassedGuest::kWindow | 0xc));
    CHECK(driver.config(kBar1) == 0);
    driver.set_config(kBar0, 0xffff'ffff);
    driver.set_config(kBar1, 0xffff'ffff);
    CHECK(driver.config(kBar0) == 0xffff'c00c);
    CHECK(driver.config(kBar1) == 0xffff'ffff);
    driver.set_command(PciDriver::kMemorySpace);
    CHECK_FALSE(guest.memory.all[0].at);
    driver.set_config(kBar0, PassedGuest::kWindow);
    driver.set_config(kBar1, 0);
    CHECK(guest.memory.all[0].at == PassedGuest::kWindow);
    CHECK(driver.config(kBar2) == PassedGuest::kWindow + 0x4000);
}

TEST_CASE("what cannot be mapped is reached through us") {
    PassedGuest guest;
    guest.device.add_bar(0, 256);
    guest.device.add_bar(1, 256);
    guest.start();
    const PciDriver driver = guest.driver();
    CHECK(guest.memory.all.empty());
    CHECK(driver.config(kBar1) == PassedGuest::kWindow + kPage);  // pages are not shared
    driver.set_command(PciDriver::kMemorySpace);
    driver.write(1, 8, 0x1234'5678);
    CHECK(driver.read(1, 8) == 0x1234'5678);
    CHECK(driver.read(0, 8) == 0);
    CHECK(driver.read(1, 9, 1) == 0x56);
    guest.device.gone = true;
    CHECK(driver.read(1, 8) == 0xffff'ffff);
    driver.write(1, 8, 1);
}

TEST_CASE("a passed BAR without room in the window is an error of the configuration") {
    PassedGuest guest;
    guest.device.add_bar(0, 32 * kMiB);
    CHECK_THROWS_AS(guest.make(), ConfigError);
    PassedGuest odd;
    odd.device.add_bar(0, 0x5000);
    CHECK_THROWS_AS(odd.make(), HostError);
}

TEST_CASE("what is to be said of a passed function") {
    PassedGuest guest;
    guest.device.add_bar(0, 0x4000, 0x4);
    guest.device.add_interrupts(VfioDevice::kIntx, 1);
    guest.start();
    const PciFacts facts = guest.function->facts();
    CHECK(facts.vendor == 0x1234);
    CHECK(facts.device == 0x5678);
    REQUIRE(facts.bars.size() == 1);
    CHECK(facts.bars[0].range == Range::make(PassedGuest::kWindow, 0x4000));
    CHECK(facts.line == 16U);
    CHECK(facts.owner->title == "pass 0000:01:00.0");
}

TEST_CASE("a passed function is reset at its start and its end, and leaves nothing in the guest") {
    PassedGuest guest;
    guest.device.add_bar(0, 0x4000);
    guest.device.add_interrupts(VfioDevice::kIntx, 1);
    guest.start();
    CHECK(*guest.device.resets == 1);
    guest.driver().set_command(PciDriver::kMemorySpace);
    guest.function.reset();
    CHECK(*guest.device.resets == 2);
    CHECK_FALSE(guest.memory.all[0].at);
    CHECK(guest.device.triggers(VfioDevice::kIntx).empty());
}

}  // namespace
}  // namespace qvm::test
