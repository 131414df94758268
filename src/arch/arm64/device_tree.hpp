// SPDX-License-Identifier: Apache-2.0
// A device tree in memory, and as the flattened form (FDT, Devicetree Specification 0.3, chapter 5) that a guest reads.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arch/little_endian.hpp"
#include "vmm/units.hpp"

namespace qvm::arm64 {

struct TreeProperty {
    std::string name;
    std::vector<std::byte> value{};
    bool operator==(const TreeProperty&) const = default;
};

struct TreeNode {
    std::string name{};  ///< empty for the root
    std::vector<TreeProperty> properties{};
    std::vector<TreeNode> children{};
    bool operator==(const TreeNode&) const = default;

    /// Null if there is none.
    [[nodiscard]] const TreeProperty* find(std::string_view property) const noexcept;
    [[nodiscard]] TreeNode* child(std::string_view wanted) noexcept;
    [[nodiscard]] const TreeNode* child(std::string_view wanted) const noexcept;
    /// A number of one cell; nothing if there is no such property of that size.
    [[nodiscard]] std::optional<std::uint32_t> number(std::string_view property) const noexcept;
    /// Whether one of the strings of `compatible` begins so.
    [[nodiscard]] bool is_compatible(std::string_view beginning) const noexcept;

    /// A new last child. The reference is good until the next one.
    TreeNode& add(std::string node);
    /// Each of these replaces a property of that name.
    void set(std::string_view property, std::vector<std::byte> value);
    void flag(std::string_view property) { set(property, std::vector<std::byte>{}); }
    void text(std::string_view property, std::string_view value) { texts(property, std::span{&value, 1}); }
    void texts(std::string_view property, std::span<const std::string_view> values);
    void cells(std::string_view property, std::span<const std::uint32_t> values);
    void cells(std::string_view property, std::initializer_list<std::uint32_t> values) {
        cells(property, std::span{values.begin(), values.size()});
    }
    /// Numbers of two cells each.
    void wide(std::string_view property, std::initializer_list<std::uint64_t> values);
};

struct DeviceTree {
    TreeNode root{};
    std::vector<Range> reserved{};  ///< the memory reservation block
    bool operator==(const DeviceTree&) const = default;
};

/// "is truncated", and so on; empty if the bytes hold a whole tree.
[[nodiscard]] std::string why_no_tree(ByteView bytes);

/// Of a tree that why_no_tree() has passed.
[[nodiscard]] DeviceTree parse_tree(ByteView bytes);

[[nodiscard]] std::vector<std::byte> flatten(const DeviceTree& tree);

/// The largest phandle in it; 0 if there is none.
[[nodiscard]] std::uint32_t last_phandle(const TreeNode& node) noexcept;

}  // namespace qvm::arm64
