// SPDX-License-Identifier: Apache-2.0
// PCI as part of this board: where the plan has put it, with its lines at the first interrupt controller.
#pragma once

#include <deque>

#include "arch/machine.hpp"
#include "arch/x86/acpi.hpp"
#include "arch/x86/late_line.hpp"
#include "arch/x86/pci_plan.hpp"
#include "devices/pci/host.hpp"

namespace qvm::x86 {

class PciBoard {
public:
    /// Takes its addresses, ports and lines. Throws HostError if the board itself has put something there.
    PciBoard(const PciPlan& plan, const BoardServices& services, MsiRouter& router, Doorbells& doorbells);

    [[nodiscard]] PciHost& host() noexcept { return host_; }
    /// All vdevs are made. Once.
    void connect(InterruptController& first);
    [[nodiscard]] AcpiPci describe() const;

private:
    [[nodiscard]] std::vector<PciHost::Line> late_lines();

    const PciPlan plan_;
    std::deque<LateLine> lines_;
    PciHost host_;
};

}  // namespace qvm::x86
