// SPDX-License-Identifier: Apache-2.0
// Linux kernels for arm64 as `Image`. Offsets and rules: the kernel's Documentation/arm64/booting.rst, "Call the kernel
// image".
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "arch/image_kind.hpp"
#include "arch/little_endian.hpp"

namespace qvm::arm64 {

/// What the loader needs to know of an Image whose header has been checked.
struct LinuxImage {
    ByteView bytes;
    std::uint64_t text_offset = 0;  ///< from a multiple of 2 MiB to its first byte
    std::uint64_t memory_size = 0;  ///< image_size, or more if the file has more
};

/// Either an image or the fault.
struct LinuxImageResult {
    std::optional<LinuxImage> image;
    ImageFault fault{};
};
[[nodiscard]] LinuxImageResult parse_linux_image(ByteView file);

/// Either the unpacked bytes or the fault.
struct Unpacked {
    std::optional<std::vector<std::byte>> bytes;
    ImageFault fault{};
};
/// Of a gzip file (RFC 1952). A kernel has at most kUnpackLimit bytes.
[[nodiscard]] Unpacked unpack_gzip(ByteView file);
inline constexpr std::size_t kUnpackLimit = 256U << 20;

[[nodiscard]] bool is_gzip(ByteView file) noexcept;

}  // namespace qvm::arm64
