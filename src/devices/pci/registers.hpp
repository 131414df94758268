// SPDX-License-Identifier: Apache-2.0
// Configuration space as software sees it: names of registers and bits, and values of up to eight bytes.
// Source: PCI Local Bus Specification 3.0, chapter 6.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace qvm::pci {

static_assert(std::endian::native == std::endian::little, "PCI is little-endian, as is every host of this program");

/// Type 00h header (6.1, figure 6-1).
enum class Reg : std::uint16_t {
    VendorId = 0x00,
    DeviceId = 0x02,
    Command = 0x04,
    Status = 0x06,
    RevisionId = 0x08,
    ClassCode = 0x09,
    CacheLineSize = 0x0c,
    HeaderType = 0x0e,
    BuiltInSelfTest = 0x0f,
    Bar0 = 0x10,
    CardbusPointer = 0x28,
    SubsystemVendorId = 0x2c,
    SubsystemId = 0x2e,
    ExpansionRom = 0x30,
    CapabilitiesPointer = 0x34,
    InterruptLine = 0x3c,
    InterruptPin = 0x3d,
    FirstCapability = 0x40,
};

/// Command register (6.2.2).
namespace command {
inline constexpr std::uint16_t kIoSpace = 1U << 0;
inline constexpr std::uint16_t kMemorySpace = 1U << 1;
inline constexpr std::uint16_t kBusMaster = 1U << 2;
inline constexpr std::uint16_t kParityErrorResponse = 1U << 6;
inline constexpr std::uint16_t kSerrEnable = 1U << 8;
inline constexpr std::uint16_t kInterruptDisable = 1U << 10;
}  // namespace command

/// Status register (6.2.3).
namespace status {
inline constexpr std::uint16_t kInterruptStatus = 1U << 3;
inline constexpr std::uint16_t kCapabilitiesList = 1U << 4;
inline constexpr std::uint16_t kErrors = 0xf900;  ///< each cleared by writing a one
}  // namespace status

/// Base Address Registers (6.2.5.1).
namespace bar {
inline constexpr std::uint32_t kIo = 1U << 0;
inline constexpr std::uint32_t kIs64Bit = 1U << 2;
inline constexpr std::uint32_t kMemoryFlags = 0xf;
}  // namespace bar

inline constexpr std::uint8_t kMultiFunction = 0x80;  ///< in HeaderType (6.2.1)
inline constexpr unsigned kBars = 6;

/// The value of at most eight bytes.
[[nodiscard]] inline std::uint64_t load(std::span<const std::byte> data) noexcept {
    std::uint64_t value = 0;
    std::memcpy(&value, data.data(), std::min(data.size(), sizeof value));
    return value;
}
/// The low bytes of `value`, at most eight.
inline void store(std::span<std::byte> data, std::uint64_t value) noexcept {
    std::memcpy(data.data(), &value, std::min(data.size(), sizeof value));
}

/// Cuts an access at the borders of dwords: `step(offset, piece)` for each piece, in order.
template <typename Byte, typename Step>
void by_dwords(std::uint64_t offset, std::span<Byte> data, const Step& step) noexcept {
    constexpr std::uint64_t kDword = 4;
    while (!data.empty()) {
        const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(data.size(), kDword - offset % kDword));
        step(offset, data.first(length));
        data = data.subspan(length);
        offset += length;
    }
}

}  // namespace qvm::pci
