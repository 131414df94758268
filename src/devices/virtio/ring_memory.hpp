// SPDX-License-Identifier: Apache-2.0
// What the driver and the device access at the same time: the areas of a queue, in guest memory.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "vmm/guest_memory.hpp"

namespace qvm {

static_assert(std::endian::native == std::endian::little, "the rings are little-endian and are used as they are");

/// Which rule the driver broke, in words for the log; empty: none. Refers to text that lives for ever.
using QueueFault = std::string_view;

/// Flags of a descriptor (virtio 1.2, 2.7.5 and 2.8.1 to 2.8.7).
namespace descriptor_flag {
inline constexpr std::uint16_t kNext = 1;
inline constexpr std::uint16_t kWrite = 2;
inline constexpr std::uint16_t kIndirect = 4;
inline constexpr std::uint16_t kAvail = 1U << 7;
inline constexpr std::uint16_t kUsed = 1U << 15;
}  // namespace descriptor_flag

/// Largest queue of either kind (virtio 1.2, 2.7 and 2.8).
inline constexpr std::uint16_t kLargestQueue = 32768;
inline constexpr std::size_t kDescriptorSize = 16;

/// `at` must be aligned to T.
template <typename T>
[[nodiscard]] inline T shared_load(const std::byte* at, std::memory_order order) noexcept {
    // There is no std::atomic_ref to what is const in C++20.
    return std::atomic_ref<T>{*reinterpret_cast<T*>(const_cast<std::byte*>(at))}.load(order);
}
template <typename T>
inline void shared_store(std::byte* at, T value, std::memory_order order) noexcept {
    std::atomic_ref<T>{*reinterpret_cast<T*>(at)}.store(value, order);
}

/// A copy of a descriptor, whichever kind it is of: one copy, which is then judged.
template <typename T>
[[nodiscard]] inline T copy_descriptor(const std::byte* at) noexcept {
    static_assert(sizeof(T) == kDescriptorSize);
    T copy;
    std::memcpy(&copy, at, sizeof copy);
    return copy;
}

/// An area of a queue as the host sees it, for as long as the VM lives; nullptr unless it is aligned and lies in one
/// block of RAM.
[[nodiscard]] inline std::byte* ring_area(const GuestMemory& memory, Gpa at, std::size_t size,
                                          std::size_t alignment) noexcept {
    if (raw(at) % alignment != 0) return nullptr;
    const GuestMemory::Block* const block = memory.block_at(at);
    if (block == nullptr || block->kind != GuestMemory::Kind::Ram || !block->range.contains(raw(at), size)) {
        return nullptr;
    }
    return block->mapping.bytes().data() + (raw(at) - block->range.start());
}

}  // namespace qvm
