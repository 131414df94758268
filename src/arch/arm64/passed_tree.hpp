// SPDX-License-Identifier: Apache-2.0
// What the guest's tree says of a device of the host's that it has: the host's own node and those below it, with the
// guest's addresses and interrupts, and without what points to nodes that the guest has not (Devicetree Specification
// 0.3, 2.3; qvmconf specification 5.6).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "arch/arm64/node_copier.hpp"

namespace qvm::arm64 {

/// The node of a tree whose registers lie at `address`, as the processor sees it; null if there is none.
[[nodiscard]] const TreeNode* node_at(const DeviceTree& tree, std::uint64_t address);

/// Copies of one host's nodes for one guest.
class PassedNodes {
public:
    /// `first_phandle`: from there on numbers are free in the guest's tree. The host's tree must outlive it; null if
    /// the host shows none.
    PassedNodes(const DeviceTree* host, std::uint32_t first_phandle) : host_{host}, account_{first_phandle, 0} {}

    /// One node for each device that the regions belong to, or the one that the user has named. Throws ConfigError if
    /// that is not there, or is not the device that is passed.
    [[nodiscard]] std::vector<TreePassed> copy(const PassedChip& chip);

    /// Addresses of the guest for which the host's tree has no node.
    [[nodiscard]] const std::vector<std::uint64_t>& untold() const noexcept { return untold_; }
    /// Paths of the host's nodes whose copies lack nodes below them: there are too many, or they are too large.
    [[nodiscard]] const std::vector<std::string>& cut() const noexcept { return cut_; }

private:
    [[nodiscard]] FoundNode named(const PassedChip& chip) const;
    [[nodiscard]] TreePassed copy(const FoundNode& found, const PassedChip& chip);

    const DeviceTree* host_;
    NodeCopier::Account account_;
    std::vector<std::uint64_t> untold_{};
    std::vector<std::string> cut_{};
};

}  // namespace qvm::arm64
