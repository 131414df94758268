// SPDX-License-Identifier: Apache-2.0
#include "ops/core_image.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "ops/present_memory.hpp"

namespace qvm {
namespace {

constexpr std::uint64_t kPage = GuestMemory::kSmallPage;
constexpr std::uint64_t kNoteAlign = 4;

template <typename T>
void append(std::vector<std::byte>& to, const T& value) {
    const auto bytes = std::as_bytes(std::span{&value, 1});
    to.insert(to.end(), bytes.begin(), bytes.end());
}

void pad(std::vector<std::byte>& to, std::uint64_t step) { to.resize(align_up(to.size(), step)); }

void append_note(std::vector<std::byte>& to, const CoreNote& note) {
    Elf64_Nhdr header{};
    header.n_namesz = static_cast<Elf64_Word>(note.name.size() + 1);
    header.n_descsz = static_cast<Elf64_Word>(note.bytes.size());
    header.n_type = note.type;
    append(to, header);
    const auto name = std::as_bytes(std::span{note.name.c_str(), note.name.size() + 1});
    to.insert(to.end(), name.begin(), name.end());
    pad(to, kNoteAlign);
    to.insert(to.end(), note.bytes.begin(), note.bytes.end());
    pad(to, kNoteAlign);
}

std::vector<std::byte> all_notes(const std::vector<CoreNote>& notes) {
    std::vector<std::byte> bytes;
    for (const bool core : {true, false})
        for (const CoreNote& note : notes)
            if ((note.name == "CORE") == core) append_note(bytes, note);
    return bytes;
}

Elf64_Ehdr file_header(std::uint16_t machine, std::size_t segments) {
    // PN_XNUM would need a section; no configuration has that many lines of memory.
    if (segments >= PN_XNUM) throw std::length_error{"too many blocks of memory for an ELF file"};
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_CORE;
    header.e_machine = machine;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = static_cast<Elf64_Half>(segments);
    return header;
}

Elf64_Phdr note_segment(std::uint64_t offset, std::uint64_t size) {
    Elf64_Phdr segment{};
    segment.p_type = PT_NOTE;
    segment.p_offset = offset;
    segment.p_filesz = size;
    segment.p_align = kNoteAlign;
    return segment;
}

/// Virtual is physical: what a guest without paging means, what QEMU writes, and what `crash` ignores.
Elf64_Phdr load_segment(const GuestMemory::Block& block, std::uint64_t offset) {
    Elf64_Phdr segment{};
    segment.p_type = PT_LOAD;
    segment.p_flags = PF_R | PF_X | (block.kind == GuestMemory::Kind::Ram ? PF_W : 0U);
    segment.p_offset = offset;
    segment.p_vaddr = segment.p_paddr = block.range.start();
    segment.p_filesz = segment.p_memsz = block.range.size();
    segment.p_align = 0;  // by which `crash` tells the vmcores of today from those of 2003
    return segment;
}

bool write_block(const GuestMemory::Block& block, CoreSink& sink) {
    std::size_t at = 0;
    const auto part = [&](std::size_t offset, std::span<const std::byte> bytes) {
        if (!sink.zeros(offset - at) || !sink.data(bytes)) return false;
        at = offset + bytes.size();
        return true;
    };
    return for_each_present(block, part) && sink.zeros(block.range.size() - at);
}

}  // namespace

std::vector<std::byte> core_headers(const CoreImage& image) {
    const auto& blocks = image.memory.blocks();
    const std::vector<std::byte> notes = all_notes(image.notes);
    const std::uint64_t notes_at = sizeof(Elf64_Ehdr) + (blocks.size() + 1) * sizeof(Elf64_Phdr);
    std::uint64_t memory_at = align_up(notes_at + notes.size(), kPage);
    std::vector<std::byte> bytes;
    append(bytes, file_header(image.machine, blocks.size() + 1));
    append(bytes, note_segment(notes_at, notes.size()));
    for (const auto& block : blocks) {
        append(bytes, load_segment(block, memory_at));
        memory_at += block.range.size();
    }
    bytes.insert(bytes.end(), notes.begin(), notes.end());
    pad(bytes, kPage);
    return bytes;
}

bool write_core(const CoreImage& image, CoreSink& sink) {
    if (!sink.data(core_headers(image))) return false;
    return std::ranges::all_of(image.memory.blocks(),
                               [&sink](const GuestMemory::Block& block) { return write_block(block, sink); });
}

}  // namespace qvm
