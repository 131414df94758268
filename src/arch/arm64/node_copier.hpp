// SPDX-License-Identifier: Apache-2.0
// Copies a node of the host's tree with those below it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "arch/arm64/tree_links.hpp"
#include "arch/arm64/tree_search.hpp"
#include "arch/machine.hpp"

namespace qvm::arm64 {

struct TreePassed {
    TreeNode node{};                      ///< without those below it
    std::vector<std::uint32_t> clocks{};  ///< rates in Hz, in the order of the driver's clocks
    std::vector<TreePassed> below{};
};

/// What the copies of one `pass` may take in the guest's tree, in bytes.
inline constexpr std::uint64_t kMostPassedTree = 16 * kKiB;

/// Whether one of the node's registers is passed.
[[nodiscard]] bool has_register_of(const FoundNode& found, const PassedChip& chip);

class NodeCopier {
public:
    /// What copies take, counted on from one to the next.
    struct Account {
        std::uint32_t next_phandle;
        std::size_t bytes;  ///< of the nodes below those at the top
    };
    /// All must outlive it.
    NodeCopier(const DeviceTree& host, const PassedChip& chip, Account& account)
        : host_{host}, chip_{chip}, account_{account} {}

    [[nodiscard]] TreePassed copy(const FoundNode& top);
    /// Whether nodes below the top have been left out because there are too many, or they are too large.
    [[nodiscard]] bool cut() const noexcept { return cut_; }

private:
    void number_phandles(const TreeNode& node, unsigned depth);
    [[nodiscard]] TreePassed copy_one(const FoundNode& found, bool mapped) const;
    void copy_below(const FoundNode& found, TreePassed& to, unsigned depth);
    [[nodiscard]] bool is_wanted(const FoundNode& child, bool mapped) const;
    void copy_registers(const FoundNode& found, TreeNode& to) const;
    void copy_interrupts(const FoundNode& found, TreeNode& to) const;
    void copy_clocks(const FoundNode& found, TreePassed& to) const;
    void copy_rest(const TreeNode& from, TreeNode& to, bool mapped) const;
    void copy_link(const TreeNode& from, const TreeLink& link, const TreeProperty& property, TreeNode& to) const;

    const DeviceTree& host_;
    const PassedChip& chip_;
    Account& account_;
    CopiedPhandles phandles_{};
    bool cut_ = false;
};

}  // namespace qvm::arm64
