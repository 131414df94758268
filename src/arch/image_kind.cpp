// SPDX-License-Identifier: Apache-2.0
#include "arch/image_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace qvm {
namespace {

using namespace std::literals;
using Format = ImageKind::Format;

struct Magic {
    std::uint64_t at;
    std::string_view bytes;
    Format format;
    std::string_view name;
};

// The first match counts. A bzImage with an EFI stub begins like a PE program and comes before it. An initrd may be
// compressed in any way that Linux knows (Documentation/driver-api/early-userspace/buffer-format.rst).
constexpr std::array kMagics{
    Magic{0x202, "HdrS"sv, Format::BzImage, "a Linux x86 kernel"},
    Magic{0, "\xd0\x0d\xfe\xed"sv, Format::Fdt, "a flattened device tree (FDT)"},
    Magic{0x38, "ARMd"sv, Format::Arm64Image, "a Linux arm64 Image"},
    Magic{0x38, "RSC\x05"sv, Format::Other, "a Linux RISC-V Image"},
    Magic{0x24, "\x18\x28\x6f\x01"sv, Format::Other, "a Linux arm zImage"},
    Magic{0, "070701"sv, Format::Initrd, "a cpio archive"},
    Magic{0, "070702"sv, Format::Initrd, "a cpio archive"},
    Magic{0, "\x1f\x8b"sv, Format::Initrd, "a gzip file"},
    Magic{0, "\xfd\x37zXZ\0"sv, Format::Initrd, "an xz file"},
    Magic{0, "\x28\xb5\x2f\xfd"sv, Format::Initrd, "a zstd file"},
    Magic{0, "\x02\x21\x4c\x18"sv, Format::Initrd, "an lz4 file"},
    Magic{0, "\x04\x22\x4d\x18"sv, Format::Initrd, "an lz4 file"},
    Magic{0, "BZh"sv, Format::Initrd, "a bzip2 file"},
    Magic{0, "\x5d\0\0"sv, Format::Initrd, "an lzma file"},
    Magic{0, "\x89LZO\0"sv, Format::Initrd, "an lzop file"},
    Magic{0, "\x27\x05\x19\x56"sv, Format::Other, "a U-Boot uImage"},
    Magic{0, "hsqs"sv, Format::Other, "a squashfs image"},
    Magic{0, "QFI\xfb"sv, Format::Other, "a qcow2 disk image"},
    Magic{0, "!<arch>"sv, Format::Other, "an archive (a Debian package or a static library)"},
    Magic{0, "#!"sv, Format::Other, "a script"},
    Magic{0, "MZ"sv, Format::Other, "a PE program (EFI or Windows)"},
    Magic{0x1fe, "\x55\xaa"sv, Format::Other, "a boot sector or disk image"},
};

bool matches(ByteView image, const Magic& magic) {
    const auto found = slice(image, magic.at, magic.bytes.size());
    return found && std::equal(found->begin(), found->end(), magic.bytes.begin(),
                               [](std::byte a, char b) { return std::to_integer<char>(a) == b; });
}

// e_machine of ELF (System V ABI); both byte orders are read.
std::string machine_name(std::uint16_t machine) {
    switch (machine) {
        case 3:
            return "x86 (32-bit)";
        case 8:
            return "MIPS";
        case 20:
            return "PowerPC";
        case 21:
            return "PowerPC (64-bit)";
        case 22:
            return "s390";
        case 40:
            return "arm";
        case 62:
            return "x86-64";
        case 183:
            return "aarch64";
        case 243:
            return "RISC-V";
        case 258:
            return "LoongArch";
        default:
            return fmt::format("machine type {}", machine);
    }
}

ImageKind identify_elf(ByteView image, std::span<const std::uint16_t> machines) {
    const bool big_endian = get<std::uint8_t>(image, 5) == 2;
    auto machine = get<std::uint16_t>(image, 18);
    if (!machine) return {Format::Elf, "the beginning of an ELF file"};
    if (big_endian) machine = static_cast<std::uint16_t>(*machine << 8 | *machine >> 8);
    const bool ours = !big_endian && std::ranges::find(machines, *machine) != machines.end();
    return {ours ? Format::Elf : Format::Other, "an ELF for " + machine_name(*machine)};
}

bool is_text(ByteView image) {
    const ByteView head = image.first(std::min<std::size_t>(image.size(), 512));
    return std::all_of(head.begin(), head.end(), [](std::byte value) {
        const auto letter = std::to_integer<unsigned char>(value);
        return letter == '\n' || letter == '\r' || letter == '\t' || (letter >= ' ' && letter < 0x7f);
    });
}

}  // namespace

ImageKind identify(ByteView image, std::span<const std::uint16_t> machines) {
    if (matches(image, {0,
                        "\x7f"
                        "ELF"sv,
                        Format::Elf,
                        {}}))
        return identify_elf(image, machines);
    for (const Magic& magic : kMagics)
        if (matches(image, magic)) return {magic.format, std::string{magic.name}};
    if (!image.empty() && is_text(image)) return {Format::Other, "a text file"};
    return {Format::Unknown, "of no format that qvm knows"};
}

}  // namespace qvm
