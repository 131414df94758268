// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/pci_board.hpp"

#include <fmt/format.h>

#include "vmm/error.hpp"

namespace qvm::arm64 {

namespace {

void attach(Bus& bus, const Range& range, IoDevice& device, const char* owner) {
    const auto conflict = bus.attach(range, device, owner);
    if (conflict) throw HostError{fmt::format("{} at {:#x} collides with {}", owner, range.start(), conflict->owner)};
}

std::vector<PciHost::Line> lines_of(const PciPlan& plan, InterruptController& gic) {
    std::vector<PciHost::Line> lines;
    for (const unsigned id : plan.lines) lines.push_back({gic.line(id), id});
    return lines;
}

}  // namespace

PciBoard::PciBoard(const PciPlan& plan, const BoardServices& services, InterruptController& gic, MsiRouter& router,
                   Doorbells& doorbells)
    : plan_{plan},
      host_{{.router = router,
             .doorbells = doorbells,
             .log = services.log,
             .window = plan.window,
             .lines = lines_of(plan, gic)}} {
    for (const unsigned id : plan_.lines) services.irqs.keep(id, "PCI");
    if (plan_.ecam) attach(services.buses.mmio, *plan_.ecam, host_.ecam(), "PCI's configuration space");
    if (plan_.window) attach(services.buses.mmio, *plan_.window, host_.window(), "PCI's window");
}

TreePci PciBoard::describe() const {
    TreePci tree{.ecam = plan_.ecam.value(), .window = plan_.window.value()};
    for (const PciFacts& each : host_.facts()) {
        const unsigned device = each.slot.device();
        if (!tree.devices.empty() && tree.devices.back().number == device) continue;  // another function of it
        TreePci::Device& added = tree.devices.emplace_back(TreePci::Device{.number = device});
        for (unsigned pin = 0; pin < added.pins.size(); ++pin) added.pins[pin] = host_.line_of(device, pin);
    }
    return tree;
}

}  // namespace qvm::arm64
