// SPDX-License-Identifier: Apache-2.0
// Devices of the host that are not on PCI: what sysfs shows of them, and whether VFIO can have them.
#include "devices/vfio/host_chip.hpp"

#include <catch2/catch.hpp>

#include "support/fake_chip.hpp"

namespace qvm::test {
namespace {

using Catch::Matchers::Contains;

struct Host {
    [[nodiscard]] HostChip chip(std::size_t index = 0) const { return host_chips(root.path()).at(index); }
    FakeRoot root;
    FakeChips chips{root};
};

Range at(std::uint64_t start, std::uint64_t size) { return Range::make(start, size).value(); }

}  // namespace

TEST_CASE("a device of the host's tree: registers, interrupts, driver and group") {
    const Host host;
    host.chips.add_timer();
    const HostChip timer = host.chip();
    CHECK(timer.name == "a000000.timer");
    CHECK(timer.bus == "platform");
    CHECK(timer.is_vfio());
    CHECK(timer.group == 5U);
    CHECK(timer.registers == std::vector{at(0xa00'0000, 0x2000), at(0xa01'0000, 0x80)});
    CHECK(timer.interrupts == std::vector<std::optional<unsigned>>{42, 43});
    CHECK(timer.region_of(at(0xa00'1000, 0x1000)) == 0U);
    CHECK(timer.region_of(at(0xa01'0000, 0x80)) == 1U);
    CHECK_FALSE(timer.region_of(at(0xa01'0000, 0x81)));
    CHECK(timer.identity().name == "a000000.timer");
    CHECK(timer.identity().group == 5);
    CHECK_THAT(timer.identity().advice, Contains("vfio-platform.reset_required=0"));
    CHECK(timer.identity().cdev.empty());
}

TEST_CASE(
    "a device behind a bus that moves its addresses, with a file of its own and interrupts of several controllers") {
    const Host host;
    host.chips.property("soc", "#address-cells", cells({1}));
    host.chips.property("soc", "#size-cells", cells({1}));
    host.chips.property("soc", "ranges", cells({0x7e00'0000, 0, 0xfe00'0000, 0x180'0000}));
    host.chips.property("soc/gpio@7e200000", "phandle", cells({0x11}));
    host.chips.property("soc/gpio@7e200000", "#interrupt-cells", cells({2}));
    host.chips.property("soc/dma@7e007000", "reg", cells({0x7e00'7000, 0x100, 0x4000'0000, 0x10, 0x7e00'8000, 0x10}));
    host.chips.property(
        "soc/dma@7e007000", "interrupts-extended",
        cells({FakeChips::kGic, 0, 80, 4, 0x11, 3, 8, FakeChips::kGic, 1, 9, 4, FakeChips::kGic, 7, 9, 4}));
    host.chips.add("fe007000.dma", "soc/dma@7e007000", "vfio-platform");
    host.root.write("sys/bus/platform/devices/fe007000.dma/vfio-dev/vfio3/dev", "511:3\n");
    const HostChip dma = host.chip();
    // Linux counts no resource behind one that it cannot reach.
    CHECK(dma.registers == std::vector{at(0xfe00'7000, 0x100)});
    CHECK(dma.interrupts == std::vector<std::optional<unsigned>>{112, std::nullopt, 25, std::nullopt});
    CHECK(dma.identity().cdev == "vfio3");
}

TEST_CASE("the interrupts of a device below a controller are that controller's") {
    const Host host;
    host.chips.property("gpio@b000000", "#interrupt-cells", cells({2}));
    host.chips.property("gpio@b000000", "#address-cells", cells({1}));
    host.chips.property("gpio@b000000", "#size-cells", cells({1}));
    host.chips.property("gpio@b000000", "ranges", "");
    host.chips.property("gpio@b000000/keys@b001000", "reg", cells({0xb00'1000, 0x1000}));
    host.chips.property("gpio@b000000/keys@b001000", "interrupts", cells({3, 8, 4, 8, 5, 8}));
    host.chips.add("b001000.keys", "gpio@b000000/keys@b001000", "vfio-platform");
    CHECK(host.chip().interrupts == std::vector<std::optional<unsigned>>(3));  // not two of the GIC's
}

TEST_CASE("devices of AMBA's bus, of other firmware, and those that have no registers") {
    const Host host;
    host.chips.property("pl031@9010000", "reg", cells({0, 0x901'0000, 0, 0x1000}));
    host.chips.add("9010000.pl031", "pl031@9010000", "vfio-amba", "amba");
    host.root.write("sys/bus/platform/devices/ARMH0061:00/driver_override", "vfio-platform\n");
    host.root.write("sys/bus/platform/devices/ARMH0011:00/driver_override", "(null)\n");
    host.root.write("sys/bus/platform/devices/snd-soc-dummy/driver_override", "(null)\n");
    host.root.write(
        "proc/iomem",
        "09030000-09030fff : ARMH0061:00\n09040000-09040fff : ARMH0011:00\n09050000-09050fff : ARMH0011:00\n");
    const auto all = host_chips(host.root.path());
    REQUIRE(all.size() == 2);
    CHECK(all[0].bus == "amba");
    CHECK(all[0].is_vfio());
    CHECK(all[1].name == "ARMH0061:00");
    CHECK(all[1].driver_override == "vfio-platform");
    CHECK(all[1].registers == std::vector{at(0x903'0000, 0x1000)});
    CHECK_FALSE(all[1].group);
}

TEST_CASE("whether a device can be passed, and what is in the way") {
    const Host host;
    const auto judge = [&] {
        const auto all = host_chips(host.root.path());
        return judge_pass(all.front(), all);
    };
    using Kind = PassVerdict::Kind;
    host.chips.add_timer();
    CHECK(judge().kind == Kind::Ready);
    host.chips.give("a000000.timer", "");
    CHECK(judge().kind == Kind::NeedsBind);
    CHECK(judge().why == "no driver yet: bind it");
    host.chips.give("a000000.timer", "sp804");
    CHECK(judge().why == "bind it");
    host.chips.remove_group("a000000.timer");
    CHECK(judge().kind == Kind::Impossible);
    CHECK_THAT(judge().why, Contains("no IOMMU group"));
    // The kernel makes a group of what its tree has an IOMMU for when the first driver comes.
    host.chips.property("timer@a000000", "iommus", cells({1, 2}));
    CHECK(judge().kind == Kind::Impossible);
    host.chips.give("a000000.timer", "");
    CHECK(judge().kind == Kind::NeedsBind);
}

TEST_CASE("the others of a group are named, and the command takes them, too") {
    const Host host;
    host.chips.add_timer();
    host.chips.property("eth@b000000", "reg", cells({0, 0xb00'0000, 0, 0x1000}));
    host.chips.add("b000000.eth", "eth@b000000", "xgmac");
    const auto all = host_chips(host.root.path());
    const PassVerdict verdict = judge_pass(all.front(), all);
    CHECK(verdict.kind == PassVerdict::Kind::NeedsBind);
    CHECK(verdict.why == "shares group 5 with b000000.eth (xgmac): bind these, too");
    CHECK_THROWS_WITH(throw_needs_bind(all.front(), all, "0xa000000"),
                      Contains("0xa000000 cannot be passed: a000000.timer shares group 5 with b000000.eth (xgmac)") &&
                          Contains("qvmctl pass bind a000000.timer b000000.eth"));
    CHECK_THROWS_WITH(throw_needs_bind(all.back(), all, "it"),
                      Contains("b000000.eth has the host's driver xgmac") && Contains("qvmctl pass bind b000000.eth"));
}

}  // namespace qvm::test
