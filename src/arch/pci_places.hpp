// SPDX-License-Identifier: Apache-2.0
// Whether a configuration needs PCI, and what it leaves free for it: what every board asks before it places a host
// bridge.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/vm_config.hpp"
#include "vmm/units.hpp"

namespace qvm {

/// What of the configuration needs PCI, for messages.
struct PciReason {
    std::string what;
    Location where;
};
/// Nothing if no vdev and no `pass` is on PCI.
[[nodiscard]] std::optional<PciReason> why_pci(const VmConfig& config);

/// Stretches of `within` in which neither the configuration nor the board has anything, the highest first.
[[nodiscard]] std::vector<Range> free_addresses(const VmConfig& config, const Range& within,
                                                std::span<const Range> board = {});

/// The highest place for `size` bytes, a power of two, aligned to it; it is no longer free then.
[[nodiscard]] std::optional<Range> take_highest(std::vector<Range>& free, std::uint64_t size);

/// Interrupt lines that the configuration names, of whichever controller.
[[nodiscard]] std::set<std::uint32_t> named_lines(const VmConfig& config);

}  // namespace qvm
