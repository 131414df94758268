// SPDX-License-Identifier: Apache-2.0
#include "arch/elf_file.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>

namespace qvm {
namespace {

struct Elf32 {
    using Header = Elf32_Ehdr;
    using Program = Elf32_Phdr;
};
struct Elf64 {
    using Header = Elf64_Ehdr;
    using Program = Elf64_Phdr;
};

ImageFault truncated(const std::string& what) {
    return {fmt::format("is truncated: it ends within {}", what), "copy or build it again"};
}

/// Header and program headers.
template <typename Class>
ElfFileResult read_headers(ByteView file) {
    const auto header = get<typename Class::Header>(file, 0);
    if (!header) return {{}, truncated("its header")};
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return {{}, {"is an ELF file but no executable", "load the linked kernel, vmlinux"}};
    if (header->e_phentsize != sizeof(typename Class::Program) || header->e_phnum == 0)
        return {{}, damaged_image("it has no program headers")};
    ElfFile out{.entry = header->e_entry};
    for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
        // Both factors have 16 bits; an offset near 2^64 wraps to a small one at worst, and stays checked.
        const auto program = get<typename Class::Program>(file, header->e_phoff + i * header->e_phentsize);
        if (!program) return {{}, truncated("its program headers")};
        out.programs.push_back({program->p_type, program->p_offset, program->p_vaddr, program->p_paddr,
                                program->p_filesz, program->p_memsz, program->p_align});
    }
    return {std::move(out), {}};
}

/// Adds the segment of a PT_LOAD header that occupies memory.
std::optional<ImageFault> add_segment(ByteView file, const ElfProgram& program, ElfFile& image) {
    if (program.type != PT_LOAD || program.memsz == 0) return {};
    if (program.filesz > program.memsz)
        return damaged_image(
            fmt::format("the segment at {:#x} has more bytes in the file than in memory", program.paddr));
    const auto at = Range::make(program.paddr, program.memsz);
    if (!at)
        return damaged_image(fmt::format("the segment at {:#x} passes the end of the address space", program.paddr));
    const auto bytes = slice(file, program.offset, program.filesz);
    if (!bytes) return truncated(fmt::format("the segment for {:#x}", program.paddr));
    image.segments.push_back({*at, *bytes});
    return {};
}

std::optional<ImageFault> sort_segments(std::vector<ElfSegment>& segments) {
    std::sort(segments.begin(), segments.end(),
              [](const ElfSegment& a, const ElfSegment& b) { return a.at.start() < b.at.start(); });
    const auto clash = std::adjacent_find(segments.begin(), segments.end(),
                                          [](const ElfSegment& a, const ElfSegment& b) { return a.at.overlaps(b.at); });
    if (clash == segments.end()) return {};
    return damaged_image(fmt::format("two segments overlap at {:#x}", std::next(clash)->at.start()));
}

}  // namespace

ImageFault damaged_image(std::string what) { return {"is damaged: " + std::move(what), "copy or build it again"}; }

ElfFileResult parse_elf_file(ByteView bytes, std::span<const std::uint16_t> machines, const std::string& advice) {
    if (get<std::uint32_t>(bytes, 0) != 0x464c'457fU) return {{}, {"is no ELF file"}};
    const auto elf_class = get<std::uint8_t>(bytes, EI_CLASS);
    const auto machine = get<std::uint16_t>(bytes, 18);
    if (!elf_class || !machine) return {{}, truncated("its header")};
    const ImageKind kind = identify(bytes, machines);
    if (kind.format != ImageKind::Format::Elf) return {{}, {fmt::format("is {}", kind.name), advice}};
    ElfFileResult result = elf_class == ELFCLASS64 ? read_headers<Elf64>(bytes) : read_headers<Elf32>(bytes);
    if (!result.file) return result;
    for (const ElfProgram& program : result.file->programs)
        if (auto fault = add_segment(bytes, program, *result.file)) return {{}, std::move(*fault)};
    if (auto fault = sort_segments(result.file->segments)) return {{}, std::move(*fault)};
    return result;
}

}  // namespace qvm
