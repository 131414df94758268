// SPDX-License-Identifier: Apache-2.0
// Properties of a device tree that point to other nodes. Those of a copy can be kept if all that they point to is
// copied, too. Source: the bindings of Linux 6.1 and dt-schema's for consumers of clocks, resets and so on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/arm64/device_tree.hpp"

namespace qvm::arm64 {

/// From the phandles of the originals to those of the copies.
using CopiedPhandles = std::map<std::uint32_t, std::uint32_t>;

/// A property that holds phandles, each with the numbers that the other node wants behind it.
struct TreeLink {
    std::string_view name;
    std::string_view cells{};  ///< which property of the other node tells how many; empty: none
    std::string_view names{};  ///< which property names the entries; empty: none does
};

/// Null if `property` points to nothing.
[[nodiscard]] const TreeLink* link_of(std::string_view property) noexcept;

/// Whether it means something to its own tree only, and cannot be kept in a copy.
[[nodiscard]] bool is_bound_to_tree(std::string_view property) noexcept;

/// The numbers of a copy; nothing if it points to something that is not copied, or makes no sense.
[[nodiscard]] std::optional<std::vector<std::uint32_t>> relinked(const DeviceTree& tree, const TreeLink& link,
                                                                 std::vector<std::uint32_t> cells,
                                                                 const CopiedPhandles& copied);

}  // namespace qvm::arm64
