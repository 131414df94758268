// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/power_key.hpp"

#include <algorithm>
#include <array>

#include "arch/arm64/board_tree.hpp"

namespace qvm::arm64 {
namespace {

constexpr std::uint8_t kKey = 1U << kPowerKeyInput;

// DDI 0190, 3.2. Below 0x400 lies GPIODATA, whose address bits 9:2 are a mask.
enum class Reg : std::uint64_t {
    GpioDir = 0x400,
    GpioIs = 0x404,
    GpioIbe = 0x408,
    GpioIev = 0x40c,
    GpioIe = 0x410,
    GpioRis = 0x414,
    GpioMis = 0x418,
    GpioIc = 0x41c,
    GpioAfsel = 0x420,
};
constexpr std::uint64_t kDataEnd = 0x400;
constexpr std::uint64_t kIdentity = 0xfe0;
constexpr std::array<std::uint8_t, 8> kIds{0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};  // 3.3.11 and on

}  // namespace

bool PowerKey::press() noexcept {
    const std::scoped_lock lock{mutex_};
    set_input(true);
    return (ie_ & kKey) != 0;
}

void PowerKey::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    const std::scoped_lock lock{mutex_};
    std::ranges::fill(data, std::byte{0});
    if (offset % 4 == 0) data.front() = std::byte{read_register(offset)};
}

void PowerKey::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    const std::scoped_lock lock{mutex_};
    if (offset % 4 == 0) write_register(offset, std::to_integer<std::uint8_t>(data.front()));
}

std::uint8_t PowerKey::read_data(std::uint8_t mask) noexcept {
    const auto value = static_cast<std::uint8_t>(((input_ & ~dir_) | (output_ & dir_)) & mask);
    if ((value & kKey & ~dir_) != 0) set_input(false);
    return value;
}

std::uint8_t PowerKey::read_register(std::uint64_t offset) noexcept {
    if (offset < kDataEnd) return read_data(static_cast<std::uint8_t>(offset >> 2));
    if (offset >= kIdentity) return kIds.at((offset - kIdentity) / 4 % kIds.size());
    switch (static_cast<Reg>(offset)) {
        case Reg::GpioDir:
            return dir_;
        case Reg::GpioIs:
            return is_;
        case Reg::GpioIbe:
            return ibe_;
        case Reg::GpioIev:
            return iev_;
        case Reg::GpioIe:
            return ie_;
        case Reg::GpioRis:
            return edges_;
        case Reg::GpioMis:
            return edges_ & ie_;
        case Reg::GpioAfsel:
            return afsel_;
        case Reg::GpioIc:
            break;
    }
    return 0;
}

void PowerKey::write_register(std::uint64_t offset, std::uint8_t value) noexcept {
    if (offset < kDataEnd) {
        const auto mask = static_cast<std::uint8_t>(offset >> 2);
        output_ = static_cast<std::uint8_t>((output_ & ~mask) | (value & mask));
        return;
    }
    switch (static_cast<Reg>(offset)) {
        case Reg::GpioDir:
            dir_ = value;
            break;
        case Reg::GpioIs:
            is_ = value;
            break;
        case Reg::GpioIbe:
            ibe_ = value;
            break;
        case Reg::GpioIev:
            iev_ = value;
            break;
        case Reg::GpioIe:
            ie_ = value;
            break;
        case Reg::GpioIc:
            edges_ = static_cast<std::uint8_t>(edges_ & ~value);
            break;
        case Reg::GpioAfsel:
            afsel_ = value;
            break;
        case Reg::GpioRis:
        case Reg::GpioMis:
            return;
    }
    update();
}

void PowerKey::set_input(bool down) noexcept {
    const std::uint8_t before = input_;
    input_ = down ? kKey : 0;
    const auto changed = static_cast<std::uint8_t>(before ^ input_);
    const auto towards = static_cast<std::uint8_t>(~(input_ ^ iev_));
    edges_ = static_cast<std::uint8_t>(edges_ | (changed & ~is_ & (ibe_ | towards)));
    update();
}

void PowerKey::update() noexcept {
    edges_ = static_cast<std::uint8_t>(edges_ | (is_ & ~(input_ ^ iev_)));  // levels do not go away by GPIOIC
    const bool high = (edges_ & ie_) != 0;
    if (high == high_) return;
    high_ = high;
    irq_.set(high);
}

}  // namespace qvm::arm64
