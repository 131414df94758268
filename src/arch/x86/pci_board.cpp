// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/pci_board.hpp"

#include <fmt/format.h>

#include "arch/x86/layout.hpp"
#include "vmm/error.hpp"

namespace qvm::x86 {

namespace {

void attach(Bus& bus, const Range& range, IoDevice& device, const char* owner) {
    const auto conflict = bus.attach(range, device, owner);
    if (conflict) throw HostError{fmt::format("{} at {:#x} collides with {}", owner, range.start(), conflict->owner)};
}

}  // namespace

PciBoard::PciBoard(const PciPlan& plan, const BoardServices& services, MsiRouter& router, Doorbells& doorbells)
    : plan_{plan},
      lines_(plan.lines.size()),
      host_{{.router = router,
             .doorbells = doorbells,
             .log = services.log,
             .window = plan.window,
             .lines = late_lines()}} {
    for (const unsigned line : plan_.lines) services.irqs.keep(line, "PCI");
    attach(services.buses.pio, Range::make(kPciPorts, PciHost::kPortsSize).value(), host_.ports(),
           "PCI's configuration ports");
    if (plan_.ecam) attach(services.buses.mmio, *plan_.ecam, host_.ecam(), "PCI's configuration space");
    if (plan_.window) attach(services.buses.mmio, *plan_.window, host_.window(), "PCI's window");
}

/// The first controller's lines are the first of the kernel's inputs, whose numbers ACPI uses.
std::vector<PciHost::Line> PciBoard::late_lines() {
    std::vector<PciHost::Line> lines;
    for (std::size_t i = 0; i < lines_.size(); ++i) lines.push_back({lines_[i], plan_.lines[i]});
    return lines;
}

void PciBoard::connect(InterruptController& first) {
    for (std::size_t i = 0; i < lines_.size(); ++i) lines_[i].connect(first.line(plan_.lines[i]));
    host_.connect();
}

AcpiPci PciBoard::describe() const {
    AcpiPci acpi{.ecam = plan_.ecam.value().start(), .window = plan_.window.value(), .lines = {}};
    for (unsigned device = 0; device < acpi.lines.size(); ++device)
        for (unsigned pin = 0; pin < acpi.lines[device].size(); ++pin)
            acpi.lines[device][pin] = host_.line_of(device, pin);
    return acpi;
}

}  // namespace qvm::x86
