// SPDX-License-Identifier: Apache-2.0
// What can be had of the host's memory, interrupts and ports, and what is said when it cannot.
#include "devices/platform/host_platform.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "devices/platform/kept_memory.hpp"
#include "devices/platform/read_region.hpp"
#include "support/fake_chip.hpp"
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
    [[nodiscard]] HostPlatform with(bool devmem) const {
        return HostPlatform{devmem, [this](const VfioIdentity&) -> DmaSpace& { return space; }, root.path()};
    }
    FakeRoot root;
    FakeChips chips{root};
    mutable FakeDmaSpace::Script vfio{.make = [](const std::string&) { return fake_timer(); }};
    mutable FakeDmaSpace space{vfio};
};

}  // namespace

TEST_CASE("registers of a UIO device are mapped, all of them or a part") {
    const Host host;
    HostPlatform platform = host.with(false);
    HostRegion whole = platform.map(at(0x901'0000, 0x2000), false);
    CHECK(whole.pages.bytes().size() == 0x2000);
    CHECK(whole.first == 0);
    CHECK(whole.title == "uio1 (rtc)");
    whole.pages.bytes()[0x1010] = std::byte{0x5a};
    const HostRegion part = platform.map(at(0x901'1010, 0x10), false);
    CHECK(part.pages.bytes()[part.first] == std::byte{0x5a});
    CHECK(part.length == 0x10);
    CHECK(platform.lines_at(at(0x901'1fff, 1)).size() == 1);
    CHECK(platform.lines_at(at(0x901'1fff, 2)).empty());
}

TEST_CASE("a region is copied byte by byte where it is not aligned") {
    const Host host;
    HostPlatform platform = host.with(false);
    HostRegion region = platform.map(at(0x901'0000, 0x1000), false);
    for (unsigned i = 0; i < 64; ++i) region.pages.bytes()[i] = std::byte(i);
    for (unsigned first = 0; first < 9; ++first)
        for (unsigned length = 0; length < 26; ++length) {
            region.first = first;
            region.length = length;
            const auto bytes = read_region(region);
            REQUIRE(bytes.size() == length);
            for (unsigned i = 0; i < length; ++i) REQUIRE(bytes[i] == std::byte(first + i));
        }
}

TEST_CASE("what no UIO device has is refused, and the owner is named") {
    const Host host;
    HostPlatform platform = host.with(false);
    CHECK_THROWS_WITH(platform.map(at(0x903'0000, 0x1000), false),
                      Contains("0x9030000 to 0x9030fff cannot be passed: no device of VFIO's or UIO's has it, "
                               "/proc/iomem names pl061@9030000") &&
                          Contains("bind the device to uio_pdrv_genirq, or write `set host-devmem on`"));
    CHECK_THROWS_WITH(platform.map(at(0x904'0000, 0x1000), false), Contains("no device of VFIO's or UIO's has it\n"));
    CHECK_THROWS_WITH(platform.map(at(0x901'1000, 0x2000), false),
                      Contains("uio1 (rtc) has 0x9010000 to 0x9011fff of it only"));
}

TEST_CASE("a UIO device that cannot be opened or mapped is one line with the way out") {
    const Host host;
    HostPlatform platform = host.with(false);
    std::filesystem::remove(host.root.path() / "dev/uio1");
    CHECK_THROWS_WITH(platform.map(at(0x901'0000, 0x1000), false), Contains("cannot open") && Contains("udev"));
    std::filesystem::create_directories(host.root.path() / "dev/uio1");
    CHECK_THROWS_AS(platform.map(at(0x901'0000, 0x1000), false), HostError);
}

TEST_CASE("/dev/mem gives what is not the host's RAM, if the user allows it") {
    const Host host;
    host.add_devmem();
    HostPlatform platform = host.with(true);
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
    HostPlatform platform = host.with(true);
    CHECK_THROWS_WITH(platform.map(at(0x903'0000, 0x1000), false), Contains("cannot open") && Contains("run as root"));
    std::filesystem::create_symlink("/dev/null", host.root.path() / "dev/mem");
    CHECK_THROWS_WITH(platform.map(at(0x903'0000, 0x1000), false),
                      Contains("/dev/mem: mmap: ") && Contains("unbind that of pl061@9030000"));
}

TEST_CASE("a neighbour on the same page is not given away with it") {
    const Host host;
    host.root.write("proc/iomem", "09010000-090100ff : rtc\n09010800-090108ff : watchdog\n");
    HostPlatform platform = host.with(false);
    CHECK_THROWS_WITH(platform.map(at(0x901'0000, 0x1000), false),
                      Contains("watchdog has 0x9010800 to 0x90108ff of it") && Contains("loc 0x9010000,0x100"));
    CHECK(platform.map(at(0x901'0000, 0x100), false).length == 0x100);
}

TEST_CASE("an interrupt is found by its number") {
    const Host host;
    HostPlatform platform = host.with(false);
    CHECK(platform.line_of(34).title() == "the interrupt of uio1 (rtc)");
    CHECK_THROWS_WITH(platform.line_of(35), Contains("no device of VFIO's or UIO's has the host's interrupt 35") &&
                                                Contains("qvmctl pass bind"));
}

TEST_CASE("a device of VFIO's goes before UIO and /dev/mem, and is opened once") {
    const Host host;
    host.chips.add_timer();
    add_uio(host.root, "uio2", "timer", "0xa000000", 0x2000);
    host.add_devmem();
    HostPlatform platform = host.with(true);
    const HostRegion first = platform.map(at(0xa00'0000, 0x2000), false);
    CHECK(first.title == "a000000.timer");
    CHECK_FALSE(first.unasked);
    CHECK(platform.map(at(0xa01'0000, 0x80), false).registers);
    const auto lines = platform.lines_at(at(0xa00'0000, 0x1000));
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].number == 42U);
    CHECK(lines[1].title() == "interrupt 1 of a000000.timer");
    CHECK(platform.line_of(43) == lines[1]);
    CHECK(host.vfio.asked.size() == 1);
    CHECK(platform.open_interrupt(lines[0])->take() == HostInterrupt::Taken::Nothing);
    CHECK(platform.reset().empty());
    host.vfio.open.at("a000000.timer")->resettable = false;
    CHECK(platform.reset() == std::vector<std::string>{"a000000.timer"});
    CHECK_THROWS_WITH(host.with(false).map(at(0xa01'0000, 0x1000), false),
                      Contains("a000000.timer has 0xa010000 to 0xa01007f of it only"));
}

TEST_CASE("registers of a device that VFIO has are no memory") {
    const Host host;
    host.chips.add_timer();
    KeptMemory memory{true, host.root.path()};
    CHECK_THROWS_WITH(memory.map(at(0xa00'0000, 0x1000), true),
                      Contains("a000000.timer has its registers there, which are no memory"));
}

TEST_CASE("a device that VFIO could have is named with the command that gives it to VFIO") {
    const Host host;
    host.chips.add_timer("sp804");
    const auto tried = [&](bool devmem) { (void)host.with(devmem).map(at(0xa00'0000, 0x1000), false); };
    CHECK_THROWS_WITH(tried(false), Contains("0xa000000 to 0xa000fff cannot be passed: a000000.timer has the host's "
                                             "driver sp804") &&
                                        Contains("qvmctl pass bind a000000.timer"));
    host.chips.give("a000000.timer", "");
    CHECK_THROWS_WITH(tried(false), Contains("a000000.timer is not bound to vfio-platform"));
    host.chips.remove_group("a000000.timer");
    CHECK_THROWS_WITH(tried(false), Contains("bind the device to uio_pdrv_genirq"));
    CHECK(host.vfio.asked.empty());
}

TEST_CASE("a group that is not viable, and what VFIO refuses, is not got around by UIO") {
    const Host host;
    host.chips.add_timer();
    add_uio(host.root, "uio2", "timer", "0xa000000", 0x2000);
    host.vfio.refusal = "cannot open /dev/vfio/5: Permission denied";
    CHECK_THROWS_WITH(host.with(false).map(at(0xa00'0000, 0x1000), false), Contains("cannot open /dev/vfio/5"));
    host.chips.property("eth@b000000", "reg", cells({0, 0xb00'0000, 0, 0x1000}));
    host.chips.add("b000000.eth", "eth@b000000", "xgmac");
    CHECK_THROWS_WITH(
        host.with(false).map(at(0xa00'0000, 0x1000), false),
        Contains("shares group 5 with b000000.eth (xgmac)") && Contains("qvmctl pass bind a000000.timer b000000.eth"));
    CHECK(host.vfio.asked.size() == 1);
}

TEST_CASE("ports are passed only if the user allows it, and not from under a driver") {
    const Host host;
    CHECK_THROWS_WITH(host.with(false).check_ports(at(0x510, 12)), Contains("set host-devmem on"));
    CHECK_NOTHROW(host.with(true).check_ports(at(0x510, 12)));
    CHECK_THROWS_WITH(host.with(true).check_ports(at(0x5f, 2)),
                      Contains("0x5f to 0x60 cannot be passed: keyboard has them") && Contains("unbind"));
}

}  // namespace qvm::test
