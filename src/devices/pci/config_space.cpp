// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/config_space.hpp"

#include <stdexcept>

#include "vmm/units.hpp"

namespace qvm {

std::uint8_t ConfigSpace::add_capability(std::uint8_t id, std::size_t size) {
    constexpr auto kStatus = static_cast<std::size_t>(pci::Reg::Status);
    if (size > kLegacySize - free_) throw std::length_error{"a PCI function has too many capabilities"};
    const std::size_t offset = free_;
    set(offset, id);
    set(link_, static_cast<std::uint8_t>(offset));
    link_ = offset + 1;
    free_ = align_up(offset + size, sizeof(std::uint32_t));
    set(kStatus, static_cast<std::uint16_t>(get<std::uint16_t>(kStatus) | pci::status::kCapabilitiesList));
    return static_cast<std::uint8_t>(offset);
}

void ConfigSpace::read(std::size_t offset, std::span<std::byte> data) const noexcept {
    for (std::byte& value : data) {
        value = offset < kSize ? values_[offset] : std::byte{0};
        ++offset;
    }
}

void ConfigSpace::write(std::size_t offset, std::span<const std::byte> data) noexcept {
    for (const std::byte value : data) {
        if (offset >= kSize) return;
        values_[offset] = (values_[offset] & ~writable_[offset]) | (value & writable_[offset]);
        values_[offset] &= ~(value & cleared_by_one_[offset]);
        ++offset;
    }
}

}  // namespace qvm
