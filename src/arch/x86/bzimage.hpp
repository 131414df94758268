// SPDX-License-Identifier: Apache-2.0
// Linux kernels for x86-64 as bzImage. Offsets and rules: the kernel's Documentation/x86/boot.rst ("The Real-Mode
// Kernel Header", "64-bit Boot Protocol") and zero-page.rst.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/image_kind.hpp"
#include "arch/little_endian.hpp"
#include "arch/x86/memory_map.hpp"
#include "vmm/units.hpp"

namespace qvm::x86 {

/// What the loader needs to know of a bzImage whose header has been checked.
struct BzImage {
    ByteView setup_header;  ///< from 0x1f1
    ByteView kernel;        ///< protected-mode part
    std::uint32_t initrd_addr_max = 0;
    std::uint32_t cmdline_size = 0;  ///< without the terminating zero
    std::uint64_t alignment = 0;     ///< kernel_alignment
    std::uint64_t pref_address = 0;
    std::uint64_t memory_size = 0;  ///< init_size, or more if the file has more
    bool relocatable = false;
    bool above_4g = false;  ///< XLF_CAN_BE_LOADED_ABOVE_4G: kernel, zero page, initrd
};

/// From the load address to the instruction that the 64-bit protocol begins with.
inline constexpr std::uint64_t kEntry64 = 0x200;

/// Either an image or the fault.
struct BzImageResult {
    std::optional<BzImage> image;
    ImageFault fault{};
};
[[nodiscard]] BzImageResult parse_bzimage(ByteView file);

/// What a zero page says besides the kernel's own header.
struct BootParams {
    ByteView setup_header;
    std::uint64_t cmdline = 0;
    std::optional<Range> initrd;
    std::uint64_t kernel = 0;  ///< load address
    std::uint64_t rsdp = 0;
    std::vector<E820Entry> e820;
};

/// struct boot_params, one page. The rest of it (screen_info and so on) is zero.
[[nodiscard]] std::vector<std::byte> make_zero_page(const BootParams& params);

}  // namespace qvm::x86
