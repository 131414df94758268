// SPDX-License-Identifier: Apache-2.0
// Where PCI is, given what else the configuration has.
#include "arch/arm64/pci_plan.hpp"

#include <catch2/catch.hpp>

#include "arch/arm64/vdevs.hpp"
#include "config/reader.hpp"
#include "devices/catalog.hpp"

using namespace qvm;
using namespace qvm::arm64;

namespace {

struct Planned {
    explicit Planned(const std::string& text) {
        ConfigReader reader{sources, diagnostics};
        reader.add_text("test", text + "\nload kernel");
        config = reader.finish(catalog);
        INFO(diagnostics.render(sources));
        REQUIRE(config);
        plan = plan_pci(*config, plan_gic(*config, diagnostics), diagnostics);
    }
    [[nodiscard]] bool says(const std::string& part) const {
        return diagnostics.render(sources).find(part) != std::string::npos;
    }

    Sources sources;
    Diagnostics diagnostics;
    Catalog catalog{Boards::Arm64, {common_vdev_types(), vdev_types()}};
    std::optional<VmConfig> config;
    std::optional<PciPlan> plan;
};

std::optional<Range> mib(std::uint64_t start, std::uint64_t size) { return Range::make(start << 20, size << 20); }

}  // namespace

TEST_CASE("arm64: who has nothing on PCI has no PCI") {
    CHECK_FALSE(Planned{"ram 0x80000000,1M\nvdev pl011"}.plan);
    CHECK_FALSE(Planned{"ram 0x80000000,1M\nvdev virtio-entropy loc 0x1c0e0000 intr gic:42"}.plan);
    CHECK(Planned{"ram 0x80000000,1M\nvdev virtio-entropy"}.plan);
}

TEST_CASE("arm64: PCI is right below the usual RAM, with four shared interrupts") {
    const Planned p{"ram 0x80000000,256M\nvdev virtio-entropy"};
    REQUIRE(p.plan);
    CHECK(p.plan->ecam == mib(0x7ff, 1));
    CHECK(p.plan->window == mib(0x600, 256));
    CHECK(p.plan->lines == std::vector{200U, 201U, 202U, 203U});
    CHECK(p.diagnostics.all().empty());
}

TEST_CASE("arm64: PCI gets out of the way of what the file names and of the GIC") {
    CHECK(Planned{"ram 0x40000000,1G\nvdev virtio-entropy"}.plan->ecam == mib(0x3ff, 1));
    CHECK(Planned{"ram 0x40000000,1G\nvdev virtio-entropy"}.plan->window == mib(0x300, 128));
    CHECK(Planned{"ram 0x80000000,1M\nvdev gic gicd 0x7fff0000\nvdev virtio-entropy"}.plan->ecam == mib(0x7fe, 1));
    CHECK(Planned{"ram 0x80000000,1M\nvdev pl011 loc 0x6fff0000 intr gic:201\nvdev virtio-entropy"}.plan->window ==
          mib(0x500, 256));
    CHECK(Planned{"ram 0x80000000,1M\nvdev pl011 loc 0x6fff0000 intr gic:201\nvdev virtio-entropy"}.plan->lines ==
          std::vector{200U, 202U, 203U, 204U});
}

TEST_CASE("arm64: without room for PCI it is said who needs it and what helps") {
    const Planned p{"ram 0,2G\nvdev virtio-entropy"};
    CHECK(p.says("test:2:6: error: vdev virtio-entropy needs PCI, and from 0x30000000 to 0x7fffffff no addresses are"));
    CHECK(p.says("begin the 'ram' at 0x80000000"));
    REQUIRE(p.plan);
    CHECK_FALSE(p.plan->window);
}

TEST_CASE("arm64: PCI's pins are none of the interrupts of messages") {
    const std::string gic = "ram 0x80000000,1M\nvdev virtio-entropy\nvdev gic version 2 msi ";
    CHECK(Planned{gic + "0x7fff0000,0x50,0x100"}.plan->lines == std::vector{336U, 337U, 338U, 339U});
    CHECK(Planned{gic + "0x7fff0000,0x50,0x100"}.plan->ecam == mib(0x7fe, 1));
    CHECK(Planned{gic + "0x30000000,202,1"}.plan->lines == std::vector{200U, 201U, 203U, 204U});
}
