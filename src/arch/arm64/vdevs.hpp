// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "arch/arm64/board_tree.hpp"
#include "arch/machine.hpp"
#include "devices/vdev.hpp"

namespace qvm::arm64 {

/// The vdev types that only this board has: gic.
[[nodiscard]] std::span<const VdevType* const> vdev_types() noexcept;

/// How the guest's tree announces it; nothing if it does not.
[[nodiscard]] std::optional<TreeVdev> tree_vdev(const PlacedVdev& vdev);

/// The implicit device of the power key.
[[nodiscard]] TreeVdev power_key_node();

/// Where a vdev of that type sits that has no `loc` or `intr`.
[[nodiscard]] Machine::Defaults usual_place(const VdevType& type, unsigned ordinal);

}  // namespace qvm::arm64
