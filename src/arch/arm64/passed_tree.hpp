// SPDX-License-Identifier: Apache-2.0
// What the guest's tree says of a device of the host's that it has: the host's own node, with the guest's addresses and
// interrupts, and without what points to nodes that the guest has not (Devicetree Specification 0.3, 2.3; qvmconf
// specification 5.6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "arch/arm64/device_tree.hpp"
#include "arch/machine.hpp"

namespace qvm::arm64 {

struct TreePassed {
    TreeNode node{};
    std::vector<std::uint32_t> clocks{};  ///< rates in Hz, in the order of the driver's clocks
};

/// The node of a tree whose registers lie at `address`, as the processor sees it; null if there is none.
[[nodiscard]] const TreeNode* node_at(const DeviceTree& tree, std::uint64_t address);

/// One node for each device that the regions belong to. `untold` gets the guest's addresses for which the host's tree
/// has no node.
[[nodiscard]] std::vector<TreePassed> passed_nodes(const DeviceTree& host, const PassedChip& chip,
                                                   std::vector<std::uint64_t>& untold);

}  // namespace qvm::arm64
