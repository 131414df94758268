// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/elf.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "arch/x86/image_kind.hpp"

namespace qvm::x86 {
namespace {

constexpr std::uint32_t kPhys32Entry = 18;  // XEN_ELFNOTE_PHYS32_ENTRY
constexpr std::string_view kXen{"Xen\0", 4};

/// What counts of a program header, of either class.
struct ProgramHeader {
    std::uint32_t type;
    std::uint64_t offset;
    std::uint64_t paddr;
    std::uint64_t filesz;
    std::uint64_t memsz;
    std::uint64_t align;
};

struct Elf32 {
    using Header = Elf32_Ehdr;
    using Program = Elf32_Phdr;
};
struct Elf64 {
    using Header = Elf64_Ehdr;
    using Program = Elf64_Phdr;
};

ImageFault damaged(std::string what) { return {"is damaged: " + std::move(what), "copy or build it again"}; }
ImageFault truncated(const std::string& what) {
    return {fmt::format("is truncated: it ends within {}", what), "copy or build it again"};
}

struct ProgramHeaders {
    std::vector<ProgramHeader> list;
    std::optional<ImageFault> fault{};
};

template <typename Class>
ProgramHeaders read_program_headers(ByteView file) {
    const auto header = get<typename Class::Header>(file, 0);
    if (!header) return {{}, truncated("its header")};
    if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
        return {{}, ImageFault{"is an ELF file but no executable", "load the linked kernel, vmlinux"}};
    if (header->e_phentsize != sizeof(typename Class::Program) || header->e_phnum == 0)
        return {{}, damaged("it has no program headers")};
    ProgramHeaders headers;
    for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
        // Both factors have 16 bits; an offset near 2^64 wraps to a small one at worst, and stays checked.
        const auto program = get<typename Class::Program>(file, header->e_phoff + i * header->e_phentsize);
        if (!program) return {{}, truncated("its program headers")};
        headers.list.push_back({program->p_type, program->p_offset, program->p_paddr, program->p_filesz,
                                program->p_memsz, program->p_align});
    }
    return headers;
}

/// The descriptor of the note `type` of owner "Xen" in a note segment.
std::optional<ByteView> find_xen_note(ByteView notes, std::uint64_t align, std::uint32_t type) {
    const std::uint64_t step = align == 8 ? 8 : 4;
    std::uint64_t at = 0;
    while (const auto note = get<Elf64_Nhdr>(notes, at)) {  // the same in both classes
        const std::uint64_t name_at = at + sizeof *note;
        const std::uint64_t desc_at = align_up(name_at + note->n_namesz, step);
        const auto name = slice(notes, name_at, note->n_namesz);
        const auto desc = slice(notes, desc_at, note->n_descsz);
        if (!name || !desc) return {};
        const bool xen = std::equal(name->begin(), name->end(), kXen.begin(), kXen.end(),
                                    [](std::byte a, char b) { return std::to_integer<char>(a) == b; });
        if (xen && note->n_type == type) return desc;
        at = align_up(desc_at + note->n_descsz, step);
    }
    return {};
}

std::optional<std::uint64_t> find_entry(ByteView file, const std::vector<ProgramHeader>& headers) {
    for (const ProgramHeader& program : headers) {
        if (program.type != PT_NOTE) continue;
        const auto notes = slice(file, program.offset, program.filesz);
        const auto entry = notes ? find_xen_note(*notes, program.align, kPhys32Entry) : std::nullopt;
        if (!entry) continue;
        if (const auto wide = get<std::uint64_t>(*entry, 0)) return wide;
        if (const auto narrow = get<std::uint32_t>(*entry, 0)) return *narrow;
    }
    return {};
}

/// Adds the segment of a PT_LOAD header that occupies memory.
std::optional<ImageFault> add_segment(ByteView file, const ProgramHeader& program, ElfImage& image) {
    if (program.type != PT_LOAD || program.memsz == 0) return {};
    if (program.filesz > program.memsz)
        return damaged(fmt::format("the segment at {:#x} has more bytes in the file than in memory", program.paddr));
    const auto at = Range::make(program.paddr, program.memsz);
    if (!at) return damaged(fmt::format("the segment at {:#x} passes the end of the address space", program.paddr));
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
    return damaged(fmt::format("two segments overlap at {:#x}", std::next(clash)->at.start()));
}

bool has_entry(const ElfImage& image, std::uint64_t entry) {
    return entry <= UINT32_MAX && std::any_of(image.segments.begin(), image.segments.end(),
                                              [&](const ElfSegment& segment) { return segment.at.contains(entry); });
}

ElfResult build_image(ByteView file, const std::vector<ProgramHeader>& headers) {
    ElfImage image;
    for (const ProgramHeader& program : headers)
        if (auto fault = add_segment(file, program, image)) return {{}, std::move(*fault)};
    if (auto fault = sort_segments(image.segments)) return {{}, std::move(*fault)};
    const auto entry = find_entry(file, headers);
    if (!entry)
        return {{},
                {"is an ELF for x86 without a PVH entry point (note XEN_ELFNOTE_PHYS32_ENTRY)",
                 "build the Linux kernel with CONFIG_PVH=y, or load its bzImage"}};
    if (!has_entry(image, *entry))
        return {{}, damaged(fmt::format("its PVH entry point {:#x} is in no segment below 4 GiB", *entry))};
    image.entry = static_cast<std::uint32_t>(*entry);
    return {std::move(image), {}};
}

}  // namespace

ElfResult parse_elf(ByteView file) {
    if (get<std::uint32_t>(file, 0) != 0x464c'457fU) return {{}, {"is no ELF file"}};
    const auto elf_class = get<std::uint8_t>(file, EI_CLASS);
    const auto machine = get<std::uint16_t>(file, 18);
    if (!elf_class || !machine) return {{}, truncated("its header")};
    const ImageKind kind = identify(file);
    if (kind.format != ImageKind::Format::Elf)
        return {{}, {fmt::format("is {}", kind.name), "load a kernel for x86-64"}};
    ProgramHeaders headers =
        elf_class == ELFCLASS64 ? read_program_headers<Elf64>(file) : read_program_headers<Elf32>(file);
    if (headers.fault) return {{}, std::move(*headers.fault)};
    return build_image(file, headers.list);
}

}  // namespace qvm::x86
