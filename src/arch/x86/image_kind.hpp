// SPDX-License-Identifier: Apache-2.0
// What a file is, by its first bytes: to choose a loader, and to say it when there is none.
#pragma once

#include <cstdint>
#include <string>

#include "arch/x86/little_endian.hpp"

namespace qvm::x86 {

struct ImageKind {
    enum class Format : std::uint8_t { BzImage, Elf, Fdt, Initrd, Other };
    Format format = Format::Other;
    std::string name;  ///< with its article: "an ELF for aarch64", "a gzip file"
};

[[nodiscard]] ImageKind identify(ByteView image);

}  // namespace qvm::x86
