// SPDX-License-Identifier: Apache-2.0
// What a driver has told the device of one queue.
#pragma once

#include <cstdint>

#include "vmm/units.hpp"

namespace qvm {

/// Feature bits that concern all devices (virtio 1.2, 6).
namespace virtio_feature {
inline constexpr std::uint64_t kIndirectDesc = 1ULL << 28;
inline constexpr std::uint64_t kEventIdx = 1ULL << 29;
inline constexpr std::uint64_t kVersion1 = 1ULL << 32;
inline constexpr std::uint64_t kAccessPlatform = 1ULL << 33;
inline constexpr std::uint64_t kRingPacked = 1ULL << 34;
inline constexpr std::uint64_t kInOrder = 1ULL << 35;
inline constexpr std::uint64_t kRingReset = 1ULL << 40;
}  // namespace virtio_feature

/// Addresses and size are the guest's and have not been judged.
struct QueueSetup {
    std::uint16_t size = 0;      ///< descriptors
    Gpa descriptors{};           ///< descriptor area
    Gpa driver{};                ///< driver area: available ring, or the driver's event suppression
    Gpa device{};                ///< device area: used ring, or the device's event suppression
    std::uint64_t features = 0;  ///< negotiated
};

}  // namespace qvm
