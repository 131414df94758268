// SPDX-License-Identifier: Apache-2.0
// Finding a node of a device tree, and what it says of its registers and interrupts (Devicetree Specification 0.3, 2.2,
// 2.3 and 2.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/arm64/device_tree.hpp"

namespace qvm::arm64 {

/// A node with the nodes above it, the root first. Both are the tree's.
struct FoundNode {
    const TreeNode* node;
    std::vector<const TreeNode*> above;
    std::vector<std::optional<Range>> reg;  ///< as the processor sees it; nothing: it does not

    [[nodiscard]] std::string path() const;
    /// One of its children.
    [[nodiscard]] FoundNode below(const TreeNode& child) const;
};

/// The device whose registers lie at `address`, as the processor sees it.
[[nodiscard]] std::optional<FoundNode> find_at(const DeviceTree& tree, std::uint64_t address);
/// By path ("/soc/serial@7e201000"; of each part that is the only one of its kind the unit's address may be left out),
/// by label (of /__symbols__) or by alias (of /aliases).
[[nodiscard]] std::optional<FoundNode> find_named(const DeviceTree& tree, std::string_view name);
/// Null if there is none.
[[nodiscard]] const TreeNode* find_phandle(const DeviceTree& tree, std::uint32_t phandle);

/// The numbers of a property; empty if there is no such property.
[[nodiscard]] std::vector<std::uint32_t> cells_of(const TreeNode& node, std::string_view property);
[[nodiscard]] std::vector<std::string> texts_of(const TreeNode& node, std::string_view property);

/// Where the interrupts of `interrupts` go; null if nothing says so.
[[nodiscard]] const TreeNode* interrupt_parent(const DeviceTree& tree, const FoundNode& found);
/// IDs at the GIC; nothing for those that are not its shared ones. Empty if the interrupts are another controller's.
[[nodiscard]] std::vector<std::optional<unsigned>> gic_interrupts(const DeviceTree& tree, const FoundNode& found);

}  // namespace qvm::arm64
