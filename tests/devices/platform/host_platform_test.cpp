// SPDX-License-Identifier: Apache-2.0
// What can be had of the host's memory, interrupts and ports, and what is said when it cannot.
#include "devices/platform/host_platform.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/fake_uio.hpp"
#include "vmm/error.hpp"

namespace qvm::test {
namespace {

using Catch::Matchers::Contains;

Range at(std::uint64_t start, std::uint64_t size) { return Range::make(start, size).value(); }

/// A clock with a UIO driver, RAM, and something else.
struct Host {
    Host() {
        add_uio(root, "uio1", "rtc", "0x9010000", 0x2000);
        root.write("proc/iomem",
                   "09010000-09011fff : rtc\n09030000-09030fff : pl061@9030000\n40000000-7fffffff : System RAM\n");
        root.write("proc/ioports", "0060-0060 : keyboard\n0510-051b : QEMU0002:00\n");
        root.write("proc/interrupts", " 23:  0  0  GICv3  34 Level  rtc\n");
    }
    void add_devmem() const {
        root.write("dev/mem", "");
        std::filesystem::resize_file(root.path() / "dev/mem", 0x904'0000);
    }
    [[nodiscard]] HostPlatform with(bool devmem) const { return HostPlatform{devmem, root.path()}; }
    FakeRoot root;
};

}  // namespace

TEST_CASE("registers of a UIO device are mapped, all of them or a part") {
    const Host host;
    const HostPlatform platform = host.with(false);
    HostRegion whole = platform.map(at(0x901'0000, 0x2000), false);
    CHECK(whole.pages.bytes().size() == 0x2000);
    CHECK(whole.first == 0);
    CHECK(whole.title == "uio1 (rtc)");
    whole.pages.bytes()[0x1010] = std::byte{0x5a};
    const HostRegion part = platform.map(at(0x901'1010, 0x10), false);
    CHECK(part.pages.bytes()[part.first] == std::byte{0x5a});
    CHECK(part.length == 0x10);
    CHECK(platform.device_at(at(0x901'1fff, 1)) != nullptr);
    CHECK(platform.device_at(at(0x901'1fff, 2)) == nullptr);
}

TEST_CASE("what no UIO device has is refused, and the owner is named") {
    const Host host;
    const HostPlatform platform = host.with(false);
    CHECK_THROWS_WITH(platform.map(at(0x903'0000, 0x1000), false),
                      Contains("0x9030000 to 0x9030fff cannot be passed: no UIO device has it, /proc/iomem names "
                               "pl061@9030000") &&
                          Contains("bind the device to uio_pdrv_genirq, or write `set host-devmem on`"));
    CHECK_THROWS_WITH(platform.map(at(0x904'0000, 0x1000), false), Contains("no UIO device has it\n"));
    CHECK_THROWS_WITH(platform.map(at(0x901'1000, 0x2000), false),
                      Contains("uio1 (rtc) has 0x9010000 to 0x9011fff of it only"));
}

TEST_CASE("a UIO device that cannot be opened or mapped is one line with the way out") {
    const Host host;
    const HostPlatform platform = host.with(false);
    std::filesystem::remove(host.root.path() / "dev/uio1");
    CHECK_THROWS_WITH(platform.map(at(0x901'0000, 0x1000), false), Contains("cannot open") && Contains("udev"));
    std::filesystem::create_directories(host.root.path() / "dev/uio1");
    CHECK_THROWS_AS(platform.map(at(0x901'0000, 0x1000), false), HostError);
}

TEST_CASE("/dev/mem gives what is not the host's RAM, if the user allows it") {
    const Host host;
    host.add_devmem();
    const HostPlatform platform = host.with(true);
    const HostRegion region = platform.map(at(0x903'0010, 0x20), false);
    CHECK(region.first == 0x10);
    CHECK(region.pages.bytes().size() == 0x1000);
    CHECK_THROWS_WITH(platform.map(at(0x7fff'f000, 0x2000), false),
                      Contains("0x40000000 to 0x7fffffff is the host's own RAM") && Contains("/reserved-memory"));
    // A UIO device goes before it.
    CHECK(platform.map(at(0x901'0000, 0x1000), true).title == "uio1 (rtc)");
}

TEST_CASE("/dev/mem that is not there or not mapped is one line with the way out") {
    const Host host;
    const HostPlatform platform = host.with(true);
    CHECK_THROWS_WITH(platform.map(at(0x903'0000, 0x1000), false), Contains("cannot open") && Contains("run as root"));
    std::filesystem::create_symlink("/dev/null", host.root.path() / "dev/mem");
    CHECK_THROWS_WITH(platform.map(at(0x903'0000, 0x1000), false),
                      Contains("/dev/mem: mmap: ") && Contains("unbind that of pl061@9030000"));
}

TEST_CASE("a neighbour on the same page is not given away with it") {
    const Host host;
    host.root.write("proc/iomem", "09010000-090100ff : rtc\n09010800-090108ff : watchdog\n");
    const HostPlatform platform = host.with(false);
    CHECK_THROWS_WITH(platform.map(at(0x901'0000, 0x1000), false),
                      Contains("watchdog has 0x9010800 to 0x90108ff of it") && Contains("loc 0x9010000,0x100"));
    CHECK(platform.map(at(0x901'0000, 0x100), false).length == 0x100);
}

TEST_CASE("an interrupt is found by its number") {
    const Host host;
    const HostPlatform platform = host.with(false);
    CHECK(platform.device_of_interrupt(34).number == 1);
    CHECK_THROWS_WITH(platform.device_of_interrupt(35),
                      Contains("no UIO device has the host's interrupt 35") && Contains("/proc/interrupts"));
}

TEST_CASE("ports are passed only if the user allows it, and not from under a driver") {
    const Host host;
    CHECK_THROWS_WITH(host.with(false).check_ports(at(0x510, 12)), Contains("set host-devmem on"));
    CHECK_NOTHROW(host.with(true).check_ports(at(0x510, 12)));
    CHECK_THROWS_WITH(host.with(true).check_ports(at(0x5f, 2)),
                      Contains("0x5f to 0x60 cannot be passed: keyboard has them") && Contains("unbind"));
}

}  // namespace qvm::test
