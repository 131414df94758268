// SPDX-License-Identifier: Apache-2.0
// The guest's memory as the `ram` and `rom` lines give it, and as the guest is told (e820; ACPI 6.4, chapter 15).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "arch/placement.hpp"
#include "arch/stretches.hpp"
#include "config/diagnostics.hpp"
#include "config/vm_config.hpp"
#include "vmm/units.hpp"

namespace qvm::x86 {

/// A row of the map. In guest memory it is 20 bytes, packed (zero page) or 24 (PVH).
struct E820Entry {
    enum class Type : std::uint32_t { Ram = 1, Reserved = 2, Acpi = 3 };
    std::uint64_t addr = 0;
    std::uint64_t size = 0;
    Type type = Type::Ram;
    bool operator==(const E820Entry&) const = default;
};

/// Most rows that a zero page holds (E820_MAX_ENTRIES_ZEROPAGE).
inline constexpr std::size_t kE820Max = 128;

/// Sorted, without overlaps, neighbours of one type merged. RAM in the legacy hole is left out, ROM is reserved,
/// `acpi` (memory that holds the tables) is ACPI data wherever it is. `ecam` (PCI's configuration space, no memory) is
/// reserved: guests believe the MCFG table only if it is (PCI Firmware 3.2, 4.1.2).
[[nodiscard]] std::vector<E820Entry> make_e820(std::span<const MemorySpec> memory, const std::optional<Range>& acpi,
                                               const std::optional<Range>& ecam = {});

/// Sorted stretches that the guest may use as RAM: no ROM, no legacy hole, nothing above kLowRamEnd below 1 MiB.
[[nodiscard]] std::vector<Range> usable_ram(std::span<const MemorySpec> memory);

/// For planning in that memory.
[[nodiscard]] Placement make_placement(std::span<const MemorySpec> memory);

/// Reports `ram` and `rom` lines that reach into the chipset's addresses, and the lack of RAM.
void check_memory(const VmConfig& config, Diagnostics& errors);

}  // namespace qvm::x86
