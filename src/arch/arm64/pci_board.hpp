// SPDX-License-Identifier: Apache-2.0
// PCI as part of this board: where the plan has put it, with its pins on shared interrupts of the GIC.
#pragma once

#include "arch/arm64/board_tree.hpp"
#include "arch/arm64/pci_plan.hpp"
#include "arch/machine.hpp"
#include "devices/pci/host.hpp"

namespace qvm::arm64 {

class PciBoard {
public:
    /// Takes its addresses and lines. Throws HostError if the board itself has put something there.
    PciBoard(const PciPlan& plan, const BoardServices& services, InterruptController& gic, MsiRouter& router,
             Doorbells& doorbells);

    [[nodiscard]] PciHost& host() noexcept { return host_; }
    [[nodiscard]] TreePci describe() const;

private:
    const PciPlan plan_;
    PciHost host_;
};

}  // namespace qvm::arm64
