// SPDX-License-Identifier: Apache-2.0
// Where PCI is, given what else the configuration has.
#include "arch/x86/pci_plan.hpp"

#include <catch2/catch.hpp>

#include "arch/x86/vdevs.hpp"
#include "config/reader.hpp"
#include "devices/catalog.hpp"

using namespace qvm;
using namespace qvm::x86;

namespace {

constexpr VdevType kCard{
    .syntax = {.type = "card", .summary = "", .footprint = {.pci = PciUse::Always}}, .acpi_hid = {}, .make = nullptr};
constexpr const VdevType* kTypes[]{&kCard};

struct Planned {
    explicit Planned(const std::string& text) {
        ConfigReader reader{sources, diagnostics};
        reader.add_text("test", text + "\nload kernel");
        config = reader.finish(catalog);
        INFO(diagnostics.render(sources));
        REQUIRE(config);
        plan = plan_pci(*config, diagnostics);
    }
    [[nodiscard]] bool says(const std::string& part) const {
        return diagnostics.render(sources).find(part) != std::string::npos;
    }

    Sources sources;
    Diagnostics diagnostics;
    Catalog catalog{common_vdev_types(), vdev_types(), kTypes};
    std::optional<VmConfig> config;
    std::optional<PciPlan> plan;
};

std::optional<Range> mib(std::uint64_t start, std::uint64_t size) { return Range::make(start << 20, size << 20); }

}  // namespace

TEST_CASE("who has nothing on PCI has no PCI") {
    CHECK_FALSE(Planned{"ram 1M\nvdev ser8250"}.plan);
    CHECK_FALSE(Planned{"ram 1M\nvdev shmem loc 0xf0000000 intr ioapic:5"}.plan);
    CHECK(Planned{"ram 1M\nvdev shmem"}.plan);
    CHECK(Planned{"ram 1M\nvdev shmem loc pci:0:4"}.plan);
    CHECK(Planned{"ram 1M\nvdev shmem intr ioapic:5"}.plan);
    CHECK(Planned{"ram 1M\npass loc pci:0:4.0=pci:1:0.0"}.plan);
}

TEST_CASE("on a usual board PCI is where layout.hpp says") {
    const Planned p{"ram 256M\nvdev card"};
    REQUIRE(p.plan);
    CHECK(p.plan->ecam == mib(0xfeb, 1));
    CHECK(p.plan->window == mib(0xe00, 256));
    CHECK(p.plan->lines == std::vector{16U, 17U, 18U, 19U});
    CHECK(p.diagnostics.all().empty());
}

TEST_CASE("PCI gets out of the way of everything that the file names") {
    CHECK(Planned{"ram 3840M\nvdev card"}.plan->window == mib(0xf00, 128));
    CHECK(Planned{"ram 4075M\nvdev card"}.plan->window == std::nullopt);
    CHECK(Planned{"ram 4074M\nvdev card"}.plan->window == mib(0xfea, 1));
    CHECK(Planned{"ram 1M\nrom 0xe0000000,0x1000\nvdev card"}.plan->window == mib(0xd00, 256));
    CHECK(Planned{"ram 1M\nvdev card\nvdev ioapic loc 0xeffff000"}.plan->window == mib(0xd00, 256));
    CHECK(Planned{"ram 1M\nvdev card\nreserve loc 0xe8000000"}.plan->window == mib(0xd00, 256));
    CHECK(Planned{"ram 1M\nvdev card\npass loc 0xe8000000,0x100000,rwn"}.plan->window == mib(0xd00, 256));
    CHECK(Planned{"ram 1M\nvdev card\nvdev ser8250 loc mem:0xfebfff00 intr ioapic:4"}.plan->ecam == mib(0xfea, 1));
    CHECK(Planned{"ram 1M\nvdev card\nvdev ser8250 loc io:0x1000 intr ioapic:4"}.plan->ecam == mib(0xfeb, 1));
}

TEST_CASE("without room it is said who needs it, what is in the way, and what helps") {
    const Planned p{"ram 0xfec00000\nvdev card"};
    CHECK(p.says("test:2:6: error: vdev card needs PCI, and below 0xfec00000 no addresses are free for it"));
    CHECK(p.says("end the 'ram' there at 3G"));
    CHECK(p.says("test:1:5: note: this memory is there"));
    REQUIRE(p.plan);
    CHECK_FALSE(p.plan->ecam);
    CHECK_FALSE(p.plan->window);
    CHECK(Planned{"ram 0xfeb00000\nvdev card"}.says("needs PCI"));  // room for one of the two
}

TEST_CASE("PCI's lines are those that nobody names") {
    const Planned p{
        "ram 1M\nvdev card\nvdev ser8250 intr ioapic:17\nreserve intr ioapic:19\nreserve intr 20\n"
        "pass loc 0x1000 intr ioapic:22"};
    CHECK(p.plan->lines == std::vector{16U, 18U, 21U, 23U});
    std::string all = "ram 1M\nvdev card\n";
    for (unsigned line = 16; line < 23; ++line) all += "reserve intr ioapic:" + std::to_string(line) + "\n";
    CHECK(Planned{all}.plan->lines == std::vector{23U});
    CHECK(Planned{all + "reserve intr ioapic:23"}.says("the interrupt lines 16 to 23 are all taken"));
}
