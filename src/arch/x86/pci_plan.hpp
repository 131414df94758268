// SPDX-License-Identifier: Apache-2.0
// Where PCI is on this board, if the configuration needs it: addresses and lines that nothing else has.
#pragma once

#include <optional>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/vm_config.hpp"
#include "vmm/units.hpp"

namespace qvm::x86 {

struct PciPlan {
    std::optional<Range> ecam{};    ///< the configuration space of bus 0; nothing if there was no room
    std::optional<Range> window{};  ///< for BARs; nothing if there was no room
    std::vector<unsigned> lines{};  ///< of the first interrupt controller; four, fewer if others are taken, never none
};

/// Nothing if no vdev and no `pass` is on PCI. Says where there is no room. Addresses that a vdev takes without having
/// said how many are found only when it is there.
[[nodiscard]] std::optional<PciPlan> plan_pci(const VmConfig& config, Diagnostics& errors);

}  // namespace qvm::x86
