// SPDX-License-Identifier: Apache-2.0
// ELF executables for x86 with a PVH entry point: the note XEN_ELFNOTE_PHYS32_ENTRY (Xen's docs/misc/pvh.pandoc and
// xen/include/public/elfnote.h). File format: System V ABI, chapters 4 and 5.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "arch/elf_file.hpp"
#include "vmm/units.hpp"

namespace qvm::x86 {

/// What a file is; an ELF for another machine is Format::Other.
[[nodiscard]] ImageKind identify(ByteView image);

struct ElfImage {
    std::vector<ElfSegment> segments{};  ///< in order of address; none overlaps another
    std::uint32_t entry = 0;             ///< inside one of them
};

/// Either an image or the fault.
struct ElfResult {
    std::optional<ElfImage> image;
    ImageFault fault{};
};
[[nodiscard]] ElfResult parse_elf(ByteView file);

}  // namespace qvm::x86
