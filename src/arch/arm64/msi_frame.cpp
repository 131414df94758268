// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/msi_frame.hpp"

#include <algorithm>
#include <cstring>

#include "arch/arm64/layout.hpp"

namespace qvm::arm64 {
namespace {

constexpr std::uint64_t kTyper = 0x008;
constexpr unsigned kTyperFirst = 16;  // bits 25:16; the number is in 9:0
constexpr std::uint32_t kNumber = 0x3ff;

}  // namespace

KernelPins pins_of(const GicPlan& gic) noexcept {
    KernelPins pins{.count = kInterruptIds - kFirstSpi, .device_ids = gic.version == 3};
    if (gic.frame)
        pins.doorbell = {gic.frame->at.start() + kSetSpi, gic.frame->first, gic.frame->count,
                         gic.frame->first - kFirstSpi};
    return pins;
}

/// All registers have 32 bits. MSI_IIDR, 0xfcc, is 0: no maker with a quirk of its own has that.
void MsiFrame::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    std::ranges::fill(data, std::byte{0});
    const std::uint32_t typer = plan_.first << kTyperFirst | plan_.count;
    if (offset == kTyper) std::memcpy(data.data(), &typer, std::min(data.size(), sizeof typer));
}

void MsiFrame::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    std::uint32_t value = 0;
    if (offset != kSetSpi || data.size() != sizeof value) return;
    std::memcpy(&value, data.data(), sizeof value);
    const std::uint32_t id = value & kNumber;
    if (!plan_.has(id)) return refused_.count();
    gic_.line(id).pulse();
}

}  // namespace qvm::arm64
