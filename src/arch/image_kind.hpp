// SPDX-License-Identifier: Apache-2.0
// What a file is, by its first bytes: to choose a loader, and to say it when there is none.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "arch/little_endian.hpp"

namespace qvm {

struct ImageKind {
    enum class Format : std::uint8_t { BzImage, Arm64Image, Elf, Fdt, Initrd, Other, Unknown };
    Format format = Format::Other;
    std::string name;  ///< with its article: "an ELF for aarch64", "a gzip file"
};

/// An ELF for another than one of these machines (e_machine) is Format::Other.
[[nodiscard]] ImageKind identify(ByteView image, std::span<const std::uint16_t> machines);

/// Why a file cannot be used; the caller adds the place and the path.
struct ImageFault {
    std::string message;  ///< goes on after the path: "is truncated: ..."
    std::string hint{};
};

}  // namespace qvm
