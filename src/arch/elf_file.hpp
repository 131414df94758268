// SPDX-License-Identifier: Apache-2.0
// ELF executables of either class as far as every board looks into them: System V ABI, chapters 4 and 5.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/image_kind.hpp"
#include "arch/little_endian.hpp"
#include "vmm/units.hpp"

namespace qvm {

/// What counts of a program header.
struct ElfProgram {
    std::uint32_t type;
    std::uint64_t offset;
    std::uint64_t vaddr;
    std::uint64_t paddr;
    std::uint64_t filesz;
    std::uint64_t memsz;
    std::uint64_t align;
};

/// A PT_LOAD program header that occupies memory.
struct ElfSegment {
    Range at;        ///< p_paddr, p_memsz
    ByteView bytes;  ///< p_filesz bytes of the file; the rest is zero
};

struct ElfFile {
    std::uint64_t entry = 0;             ///< e_entry, as it stands
    std::vector<ElfProgram> programs{};  ///< in the order of the file
    std::vector<ElfSegment> segments{};  ///< in order of address; none overlaps another
};

/// Either a file or the fault.
struct ElfFileResult {
    std::optional<ElfFile> file;
    ImageFault fault{};
};

/// `machines` are the values of e_machine that will do; `advice` is for who brings another.
[[nodiscard]] ElfFileResult parse_elf_file(ByteView bytes, std::span<const std::uint16_t> machines,
                                           const std::string& advice);

[[nodiscard]] ImageFault damaged_image(std::string what);

}  // namespace qvm
