// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/mmio.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

namespace qvm {
namespace {

// Virtio 1.2, 4.2.2, table 4.1: what only this transport has.
enum class MmioReg : std::uint64_t {
    MagicValue = 0x000,
    Version = 0x004,
    DeviceId = 0x008,
    VendorId = 0x00c,
    QueueNotify = 0x050,
    InterruptStatus = 0x060,
    InterruptAck = 0x064,
    Status = 0x070,
    ShmSel = 0x0ac,
    ShmLenLow = 0x0b0,
    ShmLenHigh = 0x0b4,
    ShmBaseLow = 0x0b8,
    ShmBaseHigh = 0x0bc,
};

/// What both transports have. Some of these are write-only here; reading them is harmless.
struct Common {
    std::uint64_t offset;
    VirtioReg reg;
};
constexpr std::array kCommon{
    Common{0x010, VirtioReg::DeviceFeatures},  Common{0x014, VirtioReg::DeviceFeaturesSel},
    Common{0x020, VirtioReg::DriverFeatures},  Common{0x024, VirtioReg::DriverFeaturesSel},
    Common{0x030, VirtioReg::QueueSel},        Common{0x034, VirtioReg::QueueNumMax},
    Common{0x038, VirtioReg::QueueNum},        Common{0x044, VirtioReg::QueueReady},
    Common{0x070, VirtioReg::Status},          Common{0x080, VirtioReg::QueueDescLow},
    Common{0x084, VirtioReg::QueueDescHigh},   Common{0x090, VirtioReg::QueueDriverLow},
    Common{0x094, VirtioReg::QueueDriverHigh}, Common{0x0a0, VirtioReg::QueueDeviceLow},
    Common{0x0a4, VirtioReg::QueueDeviceHigh}, Common{0x0fc, VirtioReg::ConfigGeneration},
};

constexpr std::uint32_t kMagic = 0x7472'6976;  // "virt"
constexpr std::uint32_t kVersion = 2;
constexpr std::uint32_t kLegacyVersion = 1;
constexpr std::uint32_t kVendor = 0x206d'7671;    // "qvm "
constexpr std::uint32_t kNoRegion = 0xffff'ffff;  // length and place of a shared memory region that does not exist
constexpr std::chrono::seconds kPatience{1};

/// Virtio 1.2, 4.2.4: has MmioLegacy's in place of these.
constexpr bool is_modern(std::uint64_t offset) noexcept {
    constexpr std::uint64_t kQueueReady = 0x044;
    constexpr std::uint64_t kQueueDescLow = 0x080;
    return offset == kQueueReady || offset >= kQueueDescLow;
}

std::optional<VirtioReg> common_register(std::uint64_t offset) noexcept {
    const auto found = std::ranges::lower_bound(kCommon, offset, {}, &Common::offset);
    if (found == kCommon.end() || found->offset != offset) return std::nullopt;
    return found->reg;
}

}  // namespace

VirtioMmio::VirtioMmio(VdevContext& context, std::string name, std::unique_ptr<VirtioDevice> device, VirtioStyle style)
    : interrupts_{context.irq()},
      core_{std::move(device), interrupts_, {context.loop(), context.log(), std::move(name), style}} {
    if (core_.config_size() > kWindow - kConfig) throw std::logic_error{"virtio: configuration too large for MMIO"};
    if (style.legacy) legacy_.emplace(core_);
    context.map(GuestLocation::Space::Memory, kWindow, *this);
    constexpr auto kNotify = static_cast<std::uint64_t>(MmioReg::QueueNotify);
    for (unsigned queue = 0; queue < core_.queues(); ++queue)
        context.doorbell({.address = kNotify, .width = sizeof(std::uint32_t), .value = queue}, core_.kick(queue).fd());
}

/// Virtio 1.2, 4.2.2.2: registers by aligned 32-bit accesses only, the configuration by any.
void VirtioMmio::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    if (offset >= kConfig) return core_.read_config(offset - kConfig, data);
    std::ranges::fill(data, std::byte{0});
    std::uint32_t value = 0;
    if (data.size() != sizeof value) return core_.misused();
    value = read_register(offset);
    std::memcpy(data.data(), &value, sizeof value);
}

void VirtioMmio::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    if (offset >= kConfig) return core_.write_config(offset - kConfig, data);
    std::uint32_t value = 0;
    if (data.size() != sizeof value) return core_.misused();
    std::memcpy(&value, data.data(), sizeof value);
    write_register(offset, value);
}

std::uint32_t VirtioMmio::read_register(std::uint64_t offset) noexcept {
    switch (static_cast<MmioReg>(offset)) {
        case MmioReg::MagicValue:
            return kMagic;
        case MmioReg::Version:
            return legacy_ ? kLegacyVersion : kVersion;
        case MmioReg::DeviceId:
            return core_.type();
        case MmioReg::VendorId:
            return kVendor;
        case MmioReg::InterruptStatus:
            return interrupts_.status().read();
        case MmioReg::ShmLenLow:
        case MmioReg::ShmLenHigh:
        case MmioReg::ShmBaseLow:
        case MmioReg::ShmBaseHigh:
            return kNoRegion;
        default:
            break;
    }
    if (legacy_ && MmioLegacy::has(offset)) return legacy_->read(offset);
    const auto reg = common_register(offset);
    if (reg && !(legacy_ && is_modern(offset))) return core_.read(*reg);
    core_.misused();
    return 0;
}

void VirtioMmio::write_register(std::uint64_t offset, std::uint32_t value) noexcept {
    switch (static_cast<MmioReg>(offset)) {
        case MmioReg::QueueNotify:
            return core_.notify(value);
        case MmioReg::InterruptAck:
            return interrupts_.status().acknowledge(static_cast<std::uint8_t>(value));
        case MmioReg::Status:
            return write_status(value);
        case MmioReg::ShmSel:
            return;
        default:
            break;
    }
    if (legacy_ && MmioLegacy::has(offset)) return legacy_->write(offset, value);
    const auto reg = common_register(offset);
    if (reg && !(legacy_ && is_modern(offset))) return core_.write(*reg, value);
    core_.misused();
}

/// A driver may take the reset for done when its write has returned: Linux (6.1) does not look again. If the device
/// has not stopped within kPatience, the driver goes on; Status says that the reset lasts, and until it is over all
/// else is ignored.
void VirtioMmio::write_status(std::uint32_t value) noexcept {
    if (legacy_ && value == 0) legacy_->reset();
    core_.write(VirtioReg::Status, value);
    if (value == 0) core_.wait_for_reset(kPatience);
}

}  // namespace qvm
