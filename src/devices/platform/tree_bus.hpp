// SPDX-License-Identifier: Apache-2.0
// Addresses below the buses of a device tree, as the processor sees them.
// Source: Devicetree Specification 0.3, 2.3.5 (#address-cells), 2.3.6 (reg) and 2.3.8 (ranges).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vmm/units.hpp"

namespace qvm {

/// How a node numbers what is below it.
struct TreeBus {
    std::uint32_t address_cells = 2;
    std::uint32_t size_cells = 1;
    std::optional<std::vector<std::uint32_t>> ranges{};  ///< nothing: no way to what is above
};

/// The numbers of a property's value; what is left of the last one is left out.
[[nodiscard]] std::vector<std::uint32_t> tree_cells(std::span<const std::byte> value);

/// What `reg` of a node tells: one for each entry, nothing where the processor does not reach it. Empty if numbers on
/// the way are none of ours (larger than 64 bits). `buses` are the nodes above, the root first.
[[nodiscard]] std::vector<std::optional<Range>> registers_behind(std::span<const TreeBus> buses,
                                                                 std::span<const std::uint32_t> reg);

}  // namespace qvm
