// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/msi.hpp"

#include <algorithm>
#include <bit>

namespace qvm {

namespace {

/// From the capability's first byte on (6.8.1, figure 6-9).
constexpr std::size_t kControl = 2, kAddress = 4, kUpperAddress = 8;

/// Message Control (6.8.1.3).
constexpr std::uint16_t kEnable = 1U << 0;
constexpr unsigned kCapableShift = 1, kEnabledShift = 4;
constexpr std::uint16_t kCountBits = 7;
constexpr std::uint16_t kWide = 1U << 7;
constexpr std::uint16_t kMaskable = 1U << 8;
constexpr unsigned kLargestCount = 5;  // 2^5; larger ones are reserved

unsigned count_in(std::uint16_t control, unsigned shift) noexcept {
    return 1U << std::min<unsigned>(control >> shift & kCountBits, kLargestCount);
}

}  // namespace

Msi::Form Msi::form(std::uint16_t control) noexcept {
    return {count_in(control, kCapableShift), (control & kWide) != 0, (control & kMaskable) != 0};
}

std::size_t Msi::size(const Form& form) noexcept { return 10 + (form.wide ? 4U : 0U) + (form.maskable ? 10U : 0U); }

std::size_t Msi::data_at() const noexcept { return offset_ + kUpperAddress + (form_.wide ? 4 : 0); }
std::size_t Msi::mask_at() const noexcept { return data_at() + 4; }

Msi::Msi(MsiRouter& router, const Form& form, ConfigSpace& space, std::size_t offset, unsigned requester)
    : router_{router},
      form_{form},
      offset_{offset},
      requester_{requester},
      open_(form.vectors),
      addresses_(form.vectors) {
    const auto capable = static_cast<unsigned>(std::countr_zero(form_.vectors)) << kCapableShift;
    space.set(offset_ + kControl,
              static_cast<std::uint16_t>(capable | (form_.wide ? kWide : 0U) | (form_.maskable ? kMaskable : 0U)));
    space.allow(offset_ + kControl, static_cast<std::uint16_t>(kEnable | kCountBits << kEnabledShift));
    space.set(offset_ + kAddress, std::uint32_t{0});
    space.allow(offset_ + kAddress, ~std::uint32_t{3});
    if (form_.wide) space.set(offset_ + kUpperAddress, std::uint32_t{0});
    if (form_.wide) space.allow(offset_ + kUpperAddress, ~std::uint32_t{0});
    space.set(data_at(), std::uint16_t{0});
    space.allow(data_at(), std::uint16_t{0xffff});
    if (!form_.maskable) return;
    space.set(mask_at(), std::uint64_t{0});
    space.allow(mask_at(), static_cast<std::uint32_t>((std::uint64_t{1} << form_.vectors) - 1));
}

void Msi::connect() {
    first_ = router_.reserve(form_.vectors);
    for (unsigned vector = 0; vector < form_.vectors; ++vector) router_.mask(*first_ + vector);
}

MsiMessage Msi::message(const ConfigSpace& space) const noexcept {
    const std::uint64_t upper = form_.wide ? space.get<std::uint32_t>(offset_ + kUpperAddress) : 0;
    return {.address = space.get<std::uint32_t>(offset_ + kAddress) | upper << 32,
            .data = space.get<std::uint16_t>(data_at()),
            .device = requester_};
}

/// The vector's number is in the low bits of the data, as many as the guest has allowed (6.8.1.6).
void Msi::settle(const ConfigSpace& space) noexcept {
    if (!first_) return;
    const auto control = space.get<std::uint16_t>(offset_ + kControl);
    enabled_ = (control & kEnable) != 0;
    used_ = enabled_ ? std::min(count_in(control, kEnabledShift), form_.vectors) : 0;
    const std::uint32_t masked = form_.maskable ? space.get<std::uint32_t>(mask_at()) : 0;
    MsiMessage each = message(space);
    const std::uint32_t base = used_ == 0 ? 0 : each.data & ~(used_ - 1);
    for (unsigned vector = 0; vector < form_.vectors; ++vector) {
        const bool open = vector < used_ && (masked >> vector & 1) == 0;
        each.data = base | vector;
        if (open) moved_ |= std::exchange(addresses_[vector], each.address) != each.address;
        if (open) router_.route(*first_ + vector, each);
        if (open_[vector] == open) continue;
        open_[vector] = open;
        open ? router_.unmask(*first_ + vector) : router_.mask(*first_ + vector);
    }
}

void Msi::show_pending(ConfigSpace& space) const noexcept {
    if (!form_.maskable || !first_) return;
    std::uint32_t bits = 0;
    for (unsigned vector = 0; vector < used_; ++vector)
        if (!open_[vector] && router_.pending(*first_ + vector)) bits |= 1U << vector;
    space.set(mask_at() + 4, bits);
}

void Msi::signal_used() noexcept {
    for (unsigned vector = 0; first_ && vector < used_; ++vector) router_.signal(*first_ + vector);
}

int Msi::trigger(unsigned vector) noexcept {
    return first_ && vector < form_.vectors ? router_.trigger(*first_ + vector) : -1;
}

}  // namespace qvm
