// SPDX-License-Identifier: Apache-2.0
// Small kernels made by hand, and configurations in the making.
#pragma once

#include <elf.h>

#include <string>
#include <vector>

#include "arch/arm64/boot.hpp"
#include "arch/little_endian.hpp"
#include "config/board_vdevs.hpp"
#include "config/vm_config.hpp"
#include "support/temp_dir.hpp"

namespace qvm::arm64::test {

using Bytes = std::vector<std::byte>;
using Blob = LoadSpec::Blob;

inline constexpr std::uint64_t kRam = 0x8000'0000;

struct ImageShape {
    std::uint64_t text_offset = 0;
    std::uint64_t image_size = 4 * kMiB;
    std::uint64_t flags = 0xa;
    std::size_t bytes = 0x1000;
};

/// A Linux Image whose bytes behind the header are 0xaa.
inline Bytes make_image(const ImageShape& shape = {}) {
    Bytes image(shape.bytes, std::byte{0xaa});
    put(image, 8, shape.text_offset);
    put(image, 16, shape.image_size);
    put(image, 24, shape.flags);
    put(image, 56, std::uint32_t{0x644d'5241});
    return image;
}

struct ElfShape {
    std::uint64_t entry = kRam + 0x10;
    std::uint64_t vaddr = kRam;
    std::uint64_t paddr = kRam;
    std::uint16_t machine = EM_AARCH64;
};

/// One segment of 64 bytes in the file and 256 in the guest.
inline Bytes make_elf(const ElfShape& shape = {}) {
    Elf64_Ehdr header{};
    header.e_ident[EI_MAG0] = ELFMAG0;
    header.e_ident[EI_MAG1] = ELFMAG1;
    header.e_ident[EI_MAG2] = ELFMAG2;
    header.e_ident[EI_MAG3] = ELFMAG3;
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = shape.machine;
    header.e_entry = shape.entry;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 1;
    Elf64_Phdr program{};
    program.p_type = PT_LOAD;
    program.p_offset = sizeof header + sizeof program;
    program.p_vaddr = shape.vaddr;
    program.p_paddr = shape.paddr;
    program.p_filesz = 64;
    program.p_memsz = 256;
    Bytes elf(sizeof header + sizeof program + 64, std::byte{0xbb});
    put(elf, 0, header);
    put(elf, sizeof header, program);
    return elf;
}

/// Bytes of no known format.
inline Bytes raw(std::size_t count) { return Bytes(count, std::byte{0x9c}); }

/// A configuration with its files.
struct Boot {
    qvm::test::TempDir dir{};
    VmConfig config{};
    Diagnostics errors{};

    explicit Boot(std::uint64_t size = 64 * kMiB) {
        config.memory = {{false, Range::make(kRam, size).value(), {}}};
        config.cpus.resize(1);
    }
    void file(Blob blob, const std::string& name, const Bytes& contents, std::optional<std::uint64_t> address = {}) {
        const std::string text{reinterpret_cast<const char*>(contents.data()), contents.size()};
        const auto line = static_cast<std::uint32_t>(config.loads.size() + 1);
        config.loads.push_back({blob, address, dir.write(name, text), Location{.line = line}});
    }
    std::optional<BootPlan> plan() { return plan_boot(config, plan_gic(config, errors), errors); }
    [[nodiscard]] std::string first_error() const { return errors.all().empty() ? "" : errors.all().front().message; }
};

}  // namespace qvm::arm64::test
