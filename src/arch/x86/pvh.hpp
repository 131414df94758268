// SPDX-License-Identifier: Apache-2.0
// What a PVH guest finds at %ebx (Xen's xen/include/public/arch-x86/hvm/start_info.h, version 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "arch/x86/memory_map.hpp"
#include "vmm/units.hpp"

namespace qvm::x86 {

inline constexpr std::uint32_t kHvmStartMagic = 0x336e'c578;  ///< XEN_HVM_START_MAGIC_VALUE

struct HvmStartInfo {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t flags;
    std::uint32_t nr_modules;
    std::uint64_t modlist_paddr;
    std::uint64_t cmdline_paddr;
    std::uint64_t rsdp_paddr;
    std::uint64_t memmap_paddr;
    std::uint32_t memmap_entries;
    std::uint32_t reserved;
};
static_assert(sizeof(HvmStartInfo) == 56);

struct HvmModlistEntry {
    std::uint64_t paddr;
    std::uint64_t size;
    std::uint64_t cmdline_paddr;
    std::uint64_t reserved;
};
static_assert(sizeof(HvmModlistEntry) == 32);

struct HvmMemmapEntry {
    std::uint64_t addr;
    std::uint64_t size;
    std::uint32_t type;
    std::uint32_t reserved;
};
static_assert(sizeof(HvmMemmapEntry) == 24);

struct PvhParams {
    std::uint64_t cmdline = 0;
    std::optional<Range> initrd;
    std::uint64_t rsdp = 0;
    std::vector<E820Entry> e820;  ///< at most kE820Max rows
};

/// One page for address `base`: start_info, then the module, then the memory map.
[[nodiscard]] std::vector<std::byte> make_start_info(const PvhParams& params, std::uint64_t base);

}  // namespace qvm::x86
