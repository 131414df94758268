// SPDX-License-Identifier: Apache-2.0
// Sets of guest-physical addresses as sorted lists of ranges.
#pragma once

#include <span>
#include <vector>

#include "config/vm_config.hpp"
#include "vmm/units.hpp"

namespace qvm {

/// [start, last], which is known not to be empty.
[[nodiscard]] Range from_to(std::uint64_t start, std::uint64_t last);

/// What is left of `range` outside `hole`: nothing, one piece or two.
[[nodiscard]] std::vector<Range> without(const Range& range, const Range& hole);

/// Sorted; ranges that touch or overlap become one.
[[nodiscard]] std::vector<Range> merged(std::vector<Range> ranges);

/// Sorted stretches of `ram` or of `rom` lines; lines that touch are one stretch.
[[nodiscard]] std::vector<Range> memory_of_kind(std::span<const MemorySpec> memory, bool rom);
/// The same of both.
[[nodiscard]] std::vector<Range> declared_memory(std::span<const MemorySpec> memory);

/// Whether one of the sorted stretches holds all of `range`.
[[nodiscard]] bool covers(std::span<const Range> stretches, const Range& range) noexcept;

}  // namespace qvm
