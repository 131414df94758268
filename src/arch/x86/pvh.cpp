// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/pvh.hpp"

#include <stdexcept>

#include "arch/little_endian.hpp"
#include "arch/x86/layout.hpp"

namespace qvm::x86 {
namespace {

constexpr std::size_t kModlist = 0x40;
constexpr std::size_t kMemmap = 0x80;
static_assert(kMemmap + kE820Max * sizeof(HvmMemmapEntry) <= kPage);

}  // namespace

std::vector<std::byte> make_start_info(const PvhParams& params, std::uint64_t base) {
    if (params.e820.size() > kE820Max) throw std::logic_error{"start_info: too many memory map entries"};
    std::vector<std::byte> page(kPage);
    HvmStartInfo info{};
    info.magic = kHvmStartMagic;
    info.version = 1;
    info.cmdline_paddr = params.cmdline;
    info.rsdp_paddr = params.rsdp;
    if (params.initrd) {
        info.nr_modules = 1;
        info.modlist_paddr = base + kModlist;
        put(page, kModlist, HvmModlistEntry{params.initrd->start(), params.initrd->size(), 0, 0});
    }
    info.memmap_paddr = base + kMemmap;
    info.memmap_entries = static_cast<std::uint32_t>(params.e820.size());
    std::size_t at = kMemmap;
    for (const E820Entry& row : params.e820) {
        put(page, at, HvmMemmapEntry{row.addr, row.size, static_cast<std::uint32_t>(row.type), 0});
        at += sizeof(HvmMemmapEntry);
    }
    put(page, 0, info);
    return page;
}

}  // namespace qvm::x86
