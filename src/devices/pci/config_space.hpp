// SPDX-License-Identifier: Apache-2.0
// The bytes of a function's configuration space and what software may do to each bit: nothing, set it, or clear it by
// writing a one. Knows no meaning. Not thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "devices/pci/registers.hpp"

namespace qvm {

class ConfigSpace {
public:
    static constexpr std::size_t kSize = 4096;

    // For the owner of the registers. Offsets lie inside; set-up code and code that has seen to it.
    template <typename T>
    [[nodiscard]] T get(std::size_t offset) const noexcept {
        return static_cast<T>(pci::load(std::span{values_}.subspan(offset, sizeof(T))));
    }
    template <typename T>
    void set(std::size_t offset, T value) noexcept {
        pci::store(std::span{values_}.subspan(offset, sizeof(T)), value);
    }
    /// Bits that software may write.
    template <typename T>
    void allow(std::size_t offset, T bits) noexcept {
        pci::store(std::span{writable_}.subspan(offset, sizeof(T)), bits);
    }
    /// Bits that software clears by writing ones.
    template <typename T>
    void allow_clearing(std::size_t offset, T bits) noexcept {
        pci::store(std::span{cleared_by_one_}.subspan(offset, sizeof(T)), bits);
    }
    /// Makes room for a capability of `size` bytes, the two of the list among them, and links it in as the last one
    /// (PCI 3.0, 6.7). Returns its offset. Throws std::length_error if there is no room.
    std::uint8_t add_capability(std::uint8_t id, std::size_t size);

    // For software. What passes the end of the space reads as zero and is not written.
    void read(std::size_t offset, std::span<std::byte> data) const noexcept;
    void write(std::size_t offset, std::span<const std::byte> data) noexcept;

private:
    static constexpr std::size_t kLegacySize = 256;  // capabilities of this list cannot be further up

    using Bytes = std::array<std::byte, kSize>;
    Bytes values_{};
    Bytes writable_{};
    Bytes cleared_by_one_{};
    std::size_t link_ = static_cast<std::size_t>(pci::Reg::CapabilitiesPointer);  ///< where the next one's offset goes
    std::size_t free_ = static_cast<std::size_t>(pci::Reg::FirstCapability);
};

}  // namespace qvm
