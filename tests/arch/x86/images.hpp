// SPDX-License-Identifier: Apache-2.0
// Small kernels made by hand, whole or damaged, and files to put them in.
#pragma once

#include <elf.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "arch/little_endian.hpp"
#include "config/vm_config.hpp"

namespace qvm::x86::test {

using Image = std::vector<std::byte>;

template <typename T>
void append(Image& image, const T& value) {
    const auto bytes = std::as_bytes(std::span{&value, 1});
    image.insert(image.end(), bytes.begin(), bytes.end());
}

inline Image text_image(const std::string& text) {
    const auto bytes = std::as_bytes(std::span{text});
    return {bytes.begin(), bytes.end()};
}

struct BzImageShape {
    std::uint8_t setup_sects = 1;
    std::uint16_t version = 0x20f;
    std::uint16_t xloadflags = 3;  // XLF_KERNEL_64, XLF_CAN_BE_LOADED_ABOVE_4G
    std::uint32_t initrd_addr_max = 0x7fff'ffff;
    std::uint32_t cmdline_size = 255;
    std::uint64_t pref_address = 0x100'0000;
    std::uint32_t init_size = 0x20'0000;
    std::uint8_t relocatable = 1;
    std::uint32_t kernel_bytes = 0x1000;  // multiple of 16
};

/// Every byte of the protected-mode part is 0xaa.
inline Image make_bzimage(const BzImageShape& shape = {}) {
    const std::size_t sectors = shape.setup_sects == 0 ? 4 : shape.setup_sects;
    Image image((sectors + 1) * 512);
    put(image, 0x1f1, shape.setup_sects);
    put(image, 0x1f4, shape.kernel_bytes / 16);
    put(image, 0x1fe, std::uint16_t{0xaa55});
    put(image, 0x200, std::uint16_t{0x6aeb});  // jump over the header, which ends at 0x26c
    put(image, 0x202, std::uint32_t{0x5372'6448});
    put(image, 0x206, shape.version);
    put(image, 0x211, std::uint8_t{1});
    put(image, 0x22c, shape.initrd_addr_max);
    put(image, 0x230, std::uint32_t{0x20'0000});
    put(image, 0x234, shape.relocatable);
    put(image, 0x236, shape.xloadflags);
    put(image, 0x238, shape.cmdline_size);
    put(image, 0x250, std::uint64_t{0x1234'5678});  // setup_data
    put(image, 0x258, shape.pref_address);
    put(image, 0x260, shape.init_size);
    image.resize(image.size() + shape.kernel_bytes, std::byte{0xaa});
    return image;
}

struct ElfShape {
    std::uint16_t machine = EM_X86_64;
    std::uint64_t load = 0x10'0000;
    std::uint64_t bytes = 64;    // in the file
    std::uint64_t memory = 256;  // in the guest
    bool note = true;
    std::uint32_t entry = 0x10'0010;
};

/// Header, two program headers, the note, and a segment of bytes 0xbb.
template <typename Ehdr, typename Phdr>
Image make_elf(unsigned char elf_class, const ElfShape& shape) {
    Ehdr header{};
    header.e_ident[EI_MAG0] = ELFMAG0;
    header.e_ident[EI_MAG1] = ELFMAG1;
    header.e_ident[EI_MAG2] = ELFMAG2;
    header.e_ident[EI_MAG3] = ELFMAG3;
    header.e_ident[EI_CLASS] = elf_class;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = shape.machine;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof(Ehdr);
    header.e_ehsize = sizeof(Ehdr);
    header.e_phentsize = sizeof(Phdr);
    header.e_phnum = 2;

    constexpr std::size_t kNoteSize = 12 + 4 + 4;
    constexpr std::size_t kNoteAt = sizeof(Ehdr) + 2 * sizeof(Phdr);
    Phdr note{};
    note.p_type = shape.note ? PT_NOTE : PT_NULL;
    note.p_offset = kNoteAt;
    note.p_filesz = kNoteSize;
    note.p_align = 4;
    Phdr load{};
    load.p_type = PT_LOAD;
    load.p_offset = kNoteAt + kNoteSize;
    load.p_paddr = static_cast<decltype(load.p_paddr)>(shape.load);
    load.p_filesz = static_cast<decltype(load.p_filesz)>(shape.bytes);
    load.p_memsz = static_cast<decltype(load.p_memsz)>(shape.memory);

    Image image;
    append(image, header);
    append(image, note);
    append(image, load);
    append(image, std::uint32_t{4});   // n_namesz
    append(image, std::uint32_t{4});   // n_descsz
    append(image, std::uint32_t{18});  // XEN_ELFNOTE_PHYS32_ENTRY
    append(image, std::uint32_t{0x006e'6558});
    append(image, shape.entry);
    image.resize(image.size() + shape.bytes, std::byte{0xbb});
    return image;
}
inline Image make_elf64(const ElfShape& shape = {}) { return make_elf<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64, shape); }
inline Image make_elf32(ElfShape shape = {}) {
    if (shape.machine == EM_X86_64) shape.machine = EM_386;
    return make_elf<Elf32_Ehdr, Elf32_Phdr>(ELFCLASS32, shape);
}

/// The image with a few bytes among its first `head` changed at random.
inline Image mutated(Image image, std::size_t head, std::mt19937& random) {
    const std::size_t changes = 1 + random() % 8;
    for (std::size_t i = 0; i < changes; ++i)
        image[random() % std::min(head, image.size())] = static_cast<std::byte>(random());
    return image;
}

/// A directory that is gone with its contents at the end of the test.
class TempDir {
public:
    TempDir() {
        char name[] = "/tmp/qvm-test-XXXXXX";
        if (::mkdtemp(name) == nullptr) throw std::runtime_error{"mkdtemp failed"};
        path_ = name;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string write(const std::string& name, const Image& contents) const {
        const std::string path = path_ + "/" + name;
        std::ofstream file{path, std::ios::binary};
        file.write(reinterpret_cast<const char*>(contents.data()), static_cast<std::streamsize>(contents.size()));
        return path;
    }

private:
    std::string path_;
};

inline MemorySpec ram(std::uint64_t start, std::uint64_t size) { return {false, Range::make(start, size).value(), {}}; }
inline MemorySpec rom(std::uint64_t start, std::uint64_t size) { return {true, Range::make(start, size).value(), {}}; }

/// A `load` line; `line` tells the lines of a test apart.
/// A table of 40 bytes with that signature and a right checksum.
inline Image make_acpi_table(std::string_view signature) {
    Image table(40);
    for (std::size_t i = 0; i < signature.size(); ++i) table[i] = static_cast<std::byte>(signature[i]);
    table[4] = std::byte{40};
    unsigned sum = 0;
    for (const std::byte each : table) sum += std::to_integer<unsigned>(each);
    table[9] = static_cast<std::byte>(0x100 - (sum & 0xff));
    return table;
}

inline LoadSpec load(LoadSpec::Blob blob, std::string path, std::uint32_t line = 1,
                     std::optional<std::uint64_t> address = {}) {
    return {blob, address, std::move(path), Location{.line = line}};
}

}  // namespace qvm::x86::test
