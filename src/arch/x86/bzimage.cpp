// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/bzimage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "arch/x86/layout.hpp"

namespace qvm::x86 {
namespace {

// struct setup_header, by offset in the file and in the zero page alike.
namespace hdr {
constexpr std::size_t kStart = 0x1f1;  // setup_sects
constexpr std::size_t kSyssize = 0x1f4;
constexpr std::size_t kJumpDistance = 0x201;
constexpr std::size_t kVersion = 0x206;
constexpr std::size_t kTypeOfLoader = 0x210;
constexpr std::size_t kLoadflags = 0x211;
constexpr std::size_t kCode32Start = 0x214;
constexpr std::size_t kRamdiskImage = 0x218;
constexpr std::size_t kRamdiskSize = 0x21c;
constexpr std::size_t kCmdLinePtr = 0x228;
constexpr std::size_t kInitrdAddrMax = 0x22c;
constexpr std::size_t kKernelAlignment = 0x230;
constexpr std::size_t kRelocatableKernel = 0x234;
constexpr std::size_t kXloadflags = 0x236;
constexpr std::size_t kCmdlineSize = 0x238;
constexpr std::size_t kPrefAddress = 0x258;
constexpr std::size_t kInitSize = 0x260;
constexpr std::size_t kMinEnd = 0x264;  // behind init_size, the last field of protocol 2.10
constexpr std::size_t kMaxEnd = 0x290;  // the zero page has edd_mbr_sig_buffer here
}  // namespace hdr

// struct boot_params around the header.
namespace zero_page {
constexpr std::size_t kAcpiRsdpAddr = 0x070;
constexpr std::size_t kExtRamdiskImage = 0x0c0;
constexpr std::size_t kExtRamdiskSize = 0x0c4;
constexpr std::size_t kExtCmdLinePtr = 0x0c8;
constexpr std::size_t kE820Entries = 0x1e8;
constexpr std::size_t kE820Table = 0x2d0;
constexpr std::size_t kE820EntrySize = 20;
}  // namespace zero_page

constexpr std::uint8_t kLoadedHigh = 1U << 0;       // loadflags
constexpr std::uint16_t kXlfKernel64 = 1U << 0;     // xloadflags
constexpr std::uint16_t kXlfAbove4g = 1U << 1;      // xloadflags
constexpr std::uint16_t kMinVersion = 0x020c;       // the first with xloadflags
constexpr std::uint8_t kLoaderUnregistered = 0xff;  // type_of_loader
constexpr std::uint64_t kSector = 512;

BzImageResult fail(std::string message, std::string hint = {}) { return {{}, {std::move(message), std::move(hint)}}; }

BzImageResult truncated(std::uint64_t needed, std::uint64_t there) {
    return fail(fmt::format("is truncated: its header asks for {} bytes, it has {}", needed, there),
                "copy or build it again");
}

/// Reads a field of the header, which is known to be complete.
template <typename T>
T field(ByteView file, std::size_t at) {
    return get<T>(file, at).value();
}

/// The fault of a header that this loader cannot serve; nothing if it can.
std::optional<ImageFault> header_fault(ByteView file) {
    const auto version = field<std::uint16_t>(file, hdr::kVersion);
    if (version < kMinVersion)
        return ImageFault{fmt::format("speaks boot protocol {}.{:02}; qvm needs 2.12", version >> 8, version & 0xff),
                          "use Linux 3.8 or later"};
    if (!(field<std::uint16_t>(file, hdr::kXloadflags) & kXlfKernel64))
        return ImageFault{"is a Linux kernel without the 64-bit entry point",
                          "use a kernel for x86-64 (CONFIG_64BIT=y)"};
    if (!(field<std::uint8_t>(file, hdr::kLoadflags) & kLoadedHigh))
        return ImageFault{"is a zImage, not a bzImage", "build the kernel as bzImage"};
    const auto alignment = field<std::uint32_t>(file, hdr::kKernelAlignment);
    if (!std::has_single_bit(alignment) || alignment < kPage)
        return ImageFault{fmt::format("has a damaged header: kernel_alignment is {:#x}", alignment),
                          "copy or build it again"};
    return {};
}

/// The setup header, cut where the kernel says that it ends; nothing if it says something impossible.
std::optional<ByteView> cut_setup_header(ByteView file) {
    const std::size_t end = 0x202 + std::size_t{field<std::uint8_t>(file, hdr::kJumpDistance)};
    if (end < hdr::kMinEnd || end > hdr::kMaxEnd) return {};
    return slice(file, hdr::kStart, end - hdr::kStart);
}

}  // namespace

BzImageResult parse_bzimage(ByteView file) {
    if (file.size() < hdr::kMaxEnd) return truncated(hdr::kMaxEnd, file.size());
    if (auto fault = header_fault(file)) return {{}, std::move(*fault)};
    const auto setup_header = cut_setup_header(file);
    if (!setup_header) return fail("has a damaged header: it does not end where one can", "copy or build it again");

    const auto sectors = field<std::uint8_t>(file, hdr::kStart);
    const std::uint64_t setup_size = (std::uint64_t{sectors == 0 ? std::uint8_t{4} : sectors} + 1) * kSector;
    const std::uint64_t kernel_size = std::uint64_t{field<std::uint32_t>(file, hdr::kSyssize)} * 16;
    const auto kernel = slice(file, setup_size, kernel_size);
    if (!kernel) return truncated(setup_size + kernel_size, file.size());
    if (kernel_size <= kEntry64)
        return fail("has a damaged header: no room for the 64-bit entry point", "build it again");

    BzImage image{.setup_header = *setup_header, .kernel = *kernel};
    image.initrd_addr_max = field<std::uint32_t>(file, hdr::kInitrdAddrMax);
    image.cmdline_size = field<std::uint32_t>(file, hdr::kCmdlineSize);
    image.alignment = field<std::uint32_t>(file, hdr::kKernelAlignment);
    image.pref_address = field<std::uint64_t>(file, hdr::kPrefAddress);
    image.memory_size = std::max<std::uint64_t>(field<std::uint32_t>(file, hdr::kInitSize), kernel_size);
    image.relocatable = field<std::uint8_t>(file, hdr::kRelocatableKernel) != 0;
    image.above_4g = field<std::uint16_t>(file, hdr::kXloadflags) & kXlfAbove4g;
    return {image, {}};
}

std::vector<std::byte> make_zero_page(const BootParams& params) {
    if (params.setup_header.size() > hdr::kMaxEnd - hdr::kStart || params.e820.size() > kE820Max)
        throw std::logic_error{"zero page: too much to hold"};
    std::vector<std::byte> page(kPage);
    const auto put_split = [&](std::size_t low, std::size_t high, std::uint64_t value) {
        put(page, low, static_cast<std::uint32_t>(value));
        put(page, high, static_cast<std::uint32_t>(value >> 32));
    };
    std::copy(params.setup_header.begin(), params.setup_header.end(), page.begin() + hdr::kStart);
    put(page, hdr::kTypeOfLoader, kLoaderUnregistered);
    put(page, hdr::kCode32Start, static_cast<std::uint32_t>(params.kernel));
    put_split(hdr::kCmdLinePtr, zero_page::kExtCmdLinePtr, params.cmdline);
    put_split(hdr::kRamdiskImage, zero_page::kExtRamdiskImage, params.initrd ? params.initrd->start() : 0);
    put_split(hdr::kRamdiskSize, zero_page::kExtRamdiskSize, params.initrd ? params.initrd->size() : 0);
    put(page, zero_page::kAcpiRsdpAddr, params.rsdp);

    put(page, zero_page::kE820Entries, static_cast<std::uint8_t>(params.e820.size()));
    std::size_t at = zero_page::kE820Table;
    for (const E820Entry& row : params.e820) {
        put(page, at, row.addr);
        put(page, at + 8, row.size);
        put(page, at + 16, row.type);
        at += zero_page::kE820EntrySize;
    }
    return page;
}

}  // namespace qvm::x86
