// SPDX-License-Identifier: Apache-2.0
// `pass` of what is not on PCI, on a board that boots nothing and a host of files.
#include "launcher/passed_platform.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "launcher/assembled.hpp"
#include "launcher/guest_map.hpp"
#include "launcher/passed_devices.hpp"
#include "support/fake_chip.hpp"
#include "support/fake_uio.hpp"
#include "support/fake_vfio.hpp"
#include "vmm/error.hpp"

namespace qvm::test {
namespace {

using Catch::Matchers::Contains;

struct Host {
    Host() {
        add_uio(root, "uio0", "rtc", "0x9010000", 0x1000);
        add_uio(root, "uio1", "timer", "0x9020000", 0x1000);
        root.write("proc/interrupts", " 1: 0 GICv3 34 Level rtc\n 2: 0 GICv3 40 Level timer\n");
    }
    [[nodiscard]] Assembly assemble(const std::string& text) {
        return Assembly{
            text, AssemblyOptions{.device_memory = &memory, .host_root = root.path(), .open_space = vfio.opener()}};
    }
    FakeRoot root;
    FakeDmaSpace::Script vfio{.make = [](const std::string&) { return fake_timer(); }};
    FakeDeviceMemory memory;
};

}  // namespace

TEST_CASE("attributes of a passed region") {
    const auto is = [](const char* letters, bool read, bool write, bool cached) {
        const PassAttributes found = pass_attributes(letters);
        INFO(letters);
        CHECK(found.read == read);
        CHECK(found.write == write);
        CHECK(found.cached == cached);
    };
    is("", true, true, false);
    is("rwn", true, true, false);
    is("r", true, false, false);
    is("w", false, true, false);
    is("x", false, false, false);
    is("rwxc", true, true, true);
    is("-w", true, false, false);
    is("+c", true, true, true);
    is("+c-r", false, true, true);
    is("des", false, false, false);
}

TEST_CASE("registers and interrupt of a UIO device become the guest's") {
    Host host;
    Assembly vm = host.assemble("pass\n loc 0x1d000000,0x1000,r=0x9010000\n intr pic:5=34\n");
    INFO(vm.text());
    REQUIRE_FALSE(vm.diagnostics.has_errors());
    REQUIRE(host.memory.all.size() == 1);
    CHECK(host.memory.all[0].at == 0x1d00'0000U);
    CHECK(host.memory.all[0].read_only);
    REQUIRE(vm.machine.announced.size() == 1);
    const PassedChip& chip = vm.machine.announced.front();
    REQUIRE(chip.regions.size() == 1);
    CHECK(chip.regions.front().guest == Range::make(0x1d00'0000, 0x1000));
    CHECK(chip.regions.front().host == 0x901'0000);
    REQUIRE(chip.interrupts.size() == 1);
    CHECK(chip.interrupts.front().guest == 5);
    CHECK(chip.interrupts.front().host == 34U);
    CHECK_FALSE(chip.node);
    Assembly named = host.assemble("pass loc 0x9010000 node rtc0\n");
    CHECK(named.machine.announced.front().node->text == "rtc0");
    const GuestMap map = make_guest_map(*vm.config, vm.buses, vm.irqs);
    CHECK(std::ranges::count(map.memory, "pass", &GuestMap::Window::owner) == 1);
}

TEST_CASE("what is the guest's RAM is no register") {
    Host host;
    Assembly vm = host.assemble("pass loc 0x1d000000,0x1000,rwm=0x9010000\n");
    INFO(vm.text());
    CHECK_FALSE(vm.diagnostics.has_errors());
    CHECK(host.memory.all.empty());
    CHECK(vm.machine.announced.empty());
}

TEST_CASE("interrupts without a number are those of the devices in the same pass, in order") {
    Host host;
    Assembly vm = host.assemble("pass loc 0x9020000 loc 0x9010000 intr pic:5 intr pic:6\n");
    INFO(vm.text());
    REQUIRE(vm.machine.announced.size() == 1);
    const auto& interrupts = vm.machine.announced.front().interrupts;
    REQUIRE(interrupts.size() == 2);
    CHECK(interrupts[0].host == 40U);
    CHECK(interrupts[1].host == 34U);
}

TEST_CASE("an interrupt alone is that of the device which has its number") {
    Host host;
    host.root.write("proc/interrupts", " 1: 0 IO-APIC 7-fasteoi rtc\n");
    Assembly vm = host.assemble("pass intr pic:7\n");
    INFO(vm.text());
    CHECK_FALSE(vm.diagnostics.has_errors());
    CHECK(vm.machine.announced.empty());
    CHECK_THROWS_WITH(host.assemble("pass intr pic:8\n"), Contains("has the host's interrupt 8"));
}

TEST_CASE("what a pass cannot have is said before the guest starts") {
    Host host;
    CHECK(host.assemble("pass intr pic:5=34 intr pic:6=34\n").says("the interrupt of uio0 (rtc) is passed already"));
    CHECK_THROWS_WITH(host.assemble("pass loc io:0x510,12\n"), Contains("set host-devmem on"));
    CHECK(host.assemble("set host-devmem on\npass loc io:0x510,12\n").says("this board has no ports"));
    CHECK_THROWS_WITH(host.assemble("pass loc 0x9030000\n"), Contains("0x9030000 to 0x9030fff cannot be passed"));
    Assembly twice = host.assemble("pass loc 0x9010000\npass loc 0x9010800\n");
    CHECK(twice.says("overlaps pass at 0x9010000"));
    CHECK(host.memory.all.size() == 1);
}

TEST_CASE("a device of VFIO's is the guest's: registers, interrupts, and memory for its DMA") {
    Host host;
    FakeChips{host.root}.add_timer();
    Assembly vm = host.assemble(
        "pass\n loc 0x1d000000,0x2000=0xa000000\n loc 0x1d010000,0x80=0xa010000\n intr pic:5=43\n intr pic:6\n");
    INFO(vm.text());
    REQUIRE_FALSE(vm.diagnostics.has_errors());
    REQUIRE(host.memory.all.size() == 1);
    CHECK(host.memory.all[0].at == 0x1d00'0000U);
    CHECK(host.vfio.asked.size() == 1);
    const PassedChip& chip = vm.machine.announced.front();
    REQUIRE(chip.interrupts.size() == 2);
    CHECK(chip.interrupts[0].host == 43U);
    CHECK(chip.interrupts[1].host == 42U);
    FakeVfio& device = *host.vfio.open.at("a000000.timer");
    std::array data{std::byte{0x5a}};
    (void)vm.buses.mmio.write(0x1d01'0004, data);
    std::array<std::byte, 1> found{};
    CHECK(device.read(1, 4, found));
    CHECK(found == data);

    const auto resets = device.resets;
    device.resettable = false;
    REQUIRE(vm.result.passed);
    vm.result.passed->start(vm.memory);
    CHECK(*resets == 1);
    CHECK(host.vfio.maps == 1);
    CHECK(device.triggers(0).size() == 1);
    CHECK(device.triggers(1).size() == 1);
    CHECK(vm.result.passed->report() ==
          "\ninterrupt 1 of a000000.timer: 0 times\ninterrupt 0 of a000000.timer: 0 times");
    vm.result.passed.reset();
    CHECK(*resets == 2);
}

TEST_CASE("interrupts and refused accesses are told") {
    Host host;
    Assembly vm = host.assemble("pass loc 0x1d000000,0x1000,r=0x9010000 intr pic:5 loc 0x1d001000,0x1000=0x9020000\n");
    INFO(vm.text());
    REQUIRE(vm.result.passed);
    CHECK(vm.result.passed->platform().report() == "\nthe interrupt of uio0 (rtc): 0 times");
    const std::array data{std::byte{1}};
    (void)vm.buses.mmio.write(0x1d00'0004, data);
    (void)vm.buses.mmio.write(0x1d00'1004, data);
    CHECK(vm.result.passed->report() ==
          "\nthe interrupt of uio0 (rtc): 0 times\nuio0 (rtc): 1 accesses that its attributes forbid");
}

TEST_CASE("a passed interrupt that cannot be had is not started") {
    Host host;
    std::filesystem::remove(host.root.path() / "dev/uio0");
    CHECK_THROWS_WITH(host.assemble("pass intr pic:5=34\n"), Contains("cannot open") && Contains("uio0 for rtc"));
}

}  // namespace qvm::test
