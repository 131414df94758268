// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/elf.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace qvm::x86 {
namespace {

constexpr std::array<std::uint16_t, 2> kMachines{EM_386, EM_X86_64};
constexpr std::uint32_t kPhys32Entry = 18;  // XEN_ELFNOTE_PHYS32_ENTRY
constexpr std::string_view kXen{"Xen\0", 4};

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

std::optional<std::uint64_t> find_entry(ByteView file, const std::vector<ElfProgram>& headers) {
    for (const ElfProgram& program : headers) {
        if (program.type != PT_NOTE) continue;
        const auto notes = slice(file, program.offset, program.filesz);
        const auto entry = notes ? find_xen_note(*notes, program.align, kPhys32Entry) : std::nullopt;
        if (!entry) continue;
        if (const auto wide = get<std::uint64_t>(*entry, 0)) return wide;
        if (const auto narrow = get<std::uint32_t>(*entry, 0)) return *narrow;
    }
    return {};
}

bool has_entry(const ElfImage& image, std::uint64_t entry) {
    return entry <= UINT32_MAX && std::any_of(image.segments.begin(), image.segments.end(),
                                              [&](const ElfSegment& segment) { return segment.at.contains(entry); });
}

}  // namespace

ImageKind identify(ByteView image) { return qvm::identify(image, kMachines); }

ElfResult parse_elf(ByteView file) {
    ElfFileResult parsed = parse_elf_file(file, kMachines, "load a kernel for x86-64");
    if (!parsed.file) return {{}, std::move(parsed.fault)};
    const auto entry = find_entry(file, parsed.file->programs);
    if (!entry)
        return {{},
                {"is an ELF for x86 without a PVH entry point (note XEN_ELFNOTE_PHYS32_ENTRY)",
                 "build the Linux kernel with CONFIG_PVH=y, or load its bzImage"}};
    ElfImage image{.segments = std::move(parsed.file->segments)};
    if (!has_entry(image, *entry))
        return {{}, damaged_image(fmt::format("its PVH entry point {:#x} is in no segment below 4 GiB", *entry))};
    image.entry = static_cast<std::uint32_t>(*entry);
    return {std::move(image), {}};
}

}  // namespace qvm::x86
