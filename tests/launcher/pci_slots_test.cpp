// SPDX-License-Identifier: Apache-2.0
// From the text of a configuration to slots on PCI and their lines (qvmconf specification 2.6, 3.1, 3.2).
#include "launcher/pci_slots.hpp"

#include <catch2/catch.hpp>

#include "launcher/assembled.hpp"
#include "launcher/guest_map.hpp"

using namespace qvm;

namespace {

class Nothing final : public IoDevice {
    void read(std::uint64_t, std::span<std::byte>) noexcept override {}
    void write(std::uint64_t, std::span<const std::byte>) noexcept override {}
};

/// On PCI unless it has an address.
class Card final : public Vdev {
public:
    explicit Card(VdevContext& context) {
        if (!context.on_pci()) {
            context.map(GuestLocation::Space::Memory, 0x1000, registers_);
            (void)context.irq();
            return;
        }
        PciFunction& function = context.pci({.vendor = 0x1234, .device = 0x5678});
        function.add_bar(0, 0x4000, registers_);
        function.add_msix(1, 3);
        (void)function.intx();
    }

private:
    Nothing registers_;
};

constexpr OptionSpec kOptions[]{{.name = "loc", .type = ArgType::Location, .help = ""},
                                {.name = "intr", .type = ArgType::Intr, .help = ""}};
constexpr VdevType kCard{
    .syntax = {.type = "card", .summary = "", .options = kOptions, .footprint = {.pci = PciUse::WithoutAddress}},
    .acpi_hid = "CARD0001",
    .make = [](const VdevSpec&, VdevContext& context) -> std::unique_ptr<Vdev> {
        return std::make_unique<Card>(context);
    }};
constexpr const VdevType* kTypes[]{&kCard};

class Pci : public test::Assembly {
public:
    explicit Pci(const std::string& vdevs, std::optional<Range> window = Range::make(0xe000'0000, kMiB))
        : Assembly{vdevs, {.window = window, .catalog = Catalog{common_vdev_types(), board_vdev_types(), kTypes}}} {}

    /// Slots of the vdevs in file order; "-" for those that are not on PCI.
    [[nodiscard]] std::string slots() const {
        std::string all;
        for (const PlacedVdev& vdev : result.placed)
            all += (all.empty() ? "" : " ") + (vdev.slot ? vdev.slot->text() : "-");
        return all;
    }
};

}  // namespace

TEST_CASE("slots are given out in file order, and what is named or reserved is not given out") {
    CHECK(Pci{"vdev card\nvdev card"}.slots() == "0:1.0 0:2.0");
    CHECK(Pci{"vdev card\nvdev card loc pci:0:1\nvdev card"}.slots() == "0:2.0 0:1.0 0:3.0");
    CHECK(Pci{"vdev card\nreserve loc pci:0:1\nvdev card loc pci:0:1\nvdev card"}.slots() == "0:2.0 0:1.0 0:3.0");
    CHECK(Pci{"reserve loc pci:0:2.3\nvdev card\nvdev card"}.slots() == "0:1.0 0:3.0");
    CHECK(Pci{"pass loc pci:0:1.0=pci:3:0.0\nvdev card"}.slots() == "0:2.0");
}

TEST_CASE("a vdev with an address is not on PCI") {
    const Pci a{"vdev card loc 0xd0000000 intr pic:5\nvdev card loc mem:0xd0001000 intr pic:6\nvdev card intr pic:7"};
    INFO(a.text());
    CHECK(a.slots() == "- - 0:1.0");
    CHECK_FALSE(a.result.placed[0].windows.empty());
}

TEST_CASE("functions of one device") {
    const Pci a{"vdev card loc pci:0:4.1\nvdev card loc pci:0:4.7\nvdev pci-dummy loc pci:0:4"};
    CHECK_FALSE(a.diagnostics.has_errors());
    CHECK(a.slots() == "0:4.1 0:4.7 0:4.0");
}

TEST_CASE("a device without function 0 is not found by guests, and pci-dummy helps") {
    const Pci a{"vdev card loc pci:0:4.1"};
    CHECK(a.says("test:3:15: error: no guest finds vdev card at pci:0:4.1: the device has no function 0"));
    CHECK(a.says("hint: add 'vdev pci-dummy loc pci:0:4.0'"));
    CHECK_FALSE(Pci{"vdev card loc pci:0:0.1"}.diagnostics.has_errors());  // the host bridge is one
    CHECK_FALSE(Pci{"vdev card loc pci:0:4.1\nvdev ser8250 intr pic:77"}.says("no guest finds"));  // one at a time
}

TEST_CASE("a slot has one owner, and the second one is told who") {
    const Pci a{"vdev card loc pci:0:4\nvdev card loc pci:0:4.0"};
    CHECK(a.says("test:4:15: error: vdev card at pci:0:4.0 overlaps vdev card at pci:0:4.0"));
    CHECK(a.says("test:3:15: note: vdev card is given pci:0:4.0 here"));
    CHECK(Pci{"vdev card loc pci:0:0"}.says("vdev card at pci:0:0.0 overlaps PCI's host bridge at pci:0:0.0"));
    CHECK(Pci{"vdev card loc pci:0:4\npass loc pci:0:4.0=pci:3:0.0"}.says("pass at pci:0:4.0 overlaps vdev card"));
}

TEST_CASE("what is no slot on bus 0 is refused") {
    CHECK(Pci{"vdev card loc pci:1:4.2"}.says("test:3:15: error: the guest's PCI has bus 0 only"));
    CHECK(Pci{"vdev card loc pci:1:4.2"}.says("write loc pci:0:4.2"));
    CHECK(Pci{"pass loc pci:0:4.2=pci:3:0.0\nvdev card loc pci:2:0"}.says("bus 0 only"));
    CHECK(
        Pci{"vdev card loc pci:0x8086/0x10d3"}.says("test:3:15: error: vdev card is a PCI function and needs a slot"));
    CHECK(Pci{"vdev pci-dummy loc 0xd0000000"}.says("vdev pci-dummy is a PCI function and needs a slot"));
    CHECK(Pci{"vdev ser8250 loc pci:0:4 intr pic:4"}.says("vdev ser8250 is not a PCI device"));
}

TEST_CASE("32 devices are the end") {
    std::string text;
    for (unsigned i = 0; i < 32; ++i) text += "vdev pci-dummy\n";
    const Pci a{text};
    CHECK(a.result.placed.size() == 31);
    CHECK(a.says("test:34:6: error: no PCI slot is left for vdev pci-dummy"));
    CHECK(a.diagnostics.errors() == 1);
}

TEST_CASE("a board without PCI says how a vdev can do without") {
    const Pci a{"vdev card", std::nullopt};
    CHECK(a.says("test:3:6: error: vdev card needs PCI, which this board does not have"));
    CHECK(a.says("add 'loc ADDRESS' and 'intr CONTROLLER:LINE'"));
}

TEST_CASE("BARs that do not fit are told at the vdev") {
    const Pci a{"vdev card\nvdev card", Range::make(0xe000'0000, 0x8000)};
    CHECK(a.says("test:4:6: error: vdev card needs 0x4000 bytes of PCI's addresses, and they are used up"));
    CHECK(a.diagnostics.errors() == 1);
}

TEST_CASE("intr chooses the line of a function's pin, which functions share and others do not") {
    const Pci a{"vdev card intr pic:7\nvdev card intr pic:7\nvdev card"};
    INFO(a.text());
    CHECK_FALSE(a.diagnostics.has_errors());
    const GuestMap map = make_guest_map(*a.config, a.buses, a.irqs, const_cast<Pci&>(a).machine.pci());
    REQUIRE(map.functions.size() == 4);
    CHECK(map.functions[1].line == "pic:7");
    CHECK(map.functions[2].line == "pic:7");
    CHECK(map.functions[3].line == "pic:16");
    REQUIRE(map.interrupts.size() == 1);
    CHECK(map.interrupts[0].owner == "vdev card, vdev card");
    CHECK(Pci{"vdev card intr pic:7\nvdev ser8250 intr pic:7"}.says(
        "test:4:19: error: line 7 of 'pic' belongs to vdev card already"));
    CHECK(Pci{"vdev ser8250 intr pic:7\nvdev card intr pic:7"}.says("belongs to vdev ser8250 already"));
    CHECK(Pci{"vdev card intr pic:99"}.says("'pic' has no line 99"));
    CHECK(Pci{"vdev card intr later:9\nvdev ioapic name later"}.says("'later' is declared later"));
}

TEST_CASE("two functions with one pin cannot have two lines") {
    const Pci a{"vdev card loc pci:0:3 intr pic:7\nvdev card loc pci:0:3.4 intr pic:8"};
    CHECK(a.says("test:4:6: error: vdev card at pci:0:3.4 has the interrupt pin of another function"));
}

TEST_CASE("the map shows functions with what they have") {
    Pci a{"vdev card name root"};
    const GuestMap map = make_guest_map(*a.config, a.buses, a.irqs, a.machine.pci());
    const std::string table = format_guest_map(map);
    INFO(table);
    CHECK(table.find("PCI functions\n"
                     "  0:0.0   PCI's host bridge\n"
                     "          1b36:0008\n"
                     "  0:1.0   vdev card 'root'\n"
                     "          1234:5678, INTx at pic:16, MSI-X with 3\n"
                     "          BAR 0  0xe0000000-0xe0003fff\n"
                     "          BAR 1  0xe0004000-0xe0004fff\n") != std::string::npos);
    const std::string json = guest_map_to_json(map);
    INFO(json);
    CHECK(json.find(R"({"slot":"0:1.0","owner":"vdev card 'root'","vendor_id":"0x1234","device_id":"0x5678",)"
                    R"("bars":[{"bar":0,"start":"0xe0000000","size":"0x4000"},{"bar":1,"start":"0xe0004000",)"
                    R"("size":"0x1000"}],"line":"pic:16","vectors":3})") != std::string::npos);
}

TEST_CASE("what can only be read has its slot in a check") {
    Pci a{
        "vdev shmem\nvdev card\nvdev shmem loc 0xd0000000 intr pic:5\nvdev shmem loc pci:0:9 intr pic:7\nvdev card "
        "intr pic:7"};
    INFO(a.text());
    CHECK_FALSE(a.diagnostics.has_errors());
    const GuestMap map = make_guest_map(*a.config, a.buses, a.irqs, a.machine.pci());
    REQUIRE(map.functions.size() == 5);
    CHECK(map.functions[1].slot == "0:1.0");
    CHECK(map.functions[1].owner == "vdev shmem");
    CHECK_FALSE(map.functions[1].id);
    CHECK(map.functions[3].slot == "0:3.0");
    CHECK(map.functions[4].slot == "0:9.0");
}
