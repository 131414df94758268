// SPDX-License-Identifier: Apache-2.0
// Where PCI is on this board, if the configuration needs it: addresses below 4 GiB and shared interrupts that nothing
// else has.
#pragma once

#include <optional>
#include <vector>

#include "arch/arm64/gic.hpp"
#include "config/diagnostics.hpp"
#include "config/vm_config.hpp"
#include "vmm/units.hpp"

namespace qvm::arm64 {

struct PciPlan {
    std::optional<Range> ecam{};    ///< the configuration space of bus 0; nothing if there was no room
    std::optional<Range> window{};  ///< for BARs; nothing if there was no room
    std::vector<unsigned> lines{};  ///< interrupt IDs; four
};

/// Nothing if no vdev and no `pass` is on PCI. Says where there is no room.
[[nodiscard]] std::optional<PciPlan> plan_pci(const VmConfig& config, const GicPlan& gic, Diagnostics& errors);

}  // namespace qvm::arm64
