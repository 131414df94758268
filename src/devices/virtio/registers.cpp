// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/registers.hpp"

#include <bit>
#include <optional>

namespace qvm {
namespace {

constexpr std::uint64_t kLowHalf = 0xffff'ffff;

std::uint32_t word(std::uint64_t bits, std::uint32_t select) noexcept {
    if (select > 1) return 0;
    return static_cast<std::uint32_t>(bits >> (32 * select));
}

/// Half of an address.
struct Half {
    Gpa QueueSetup::*area;
    unsigned shift;
};

std::optional<Half> half_of(VirtioReg reg) noexcept {
    switch (reg) {
        case VirtioReg::QueueDescLow:
            return Half{&QueueSetup::descriptors, 0};
        case VirtioReg::QueueDescHigh:
            return Half{&QueueSetup::descriptors, 32};
        case VirtioReg::QueueDriverLow:
            return Half{&QueueSetup::driver, 0};
        case VirtioReg::QueueDriverHigh:
            return Half{&QueueSetup::driver, 32};
        case VirtioReg::QueueDeviceLow:
            return Half{&QueueSetup::device, 0};
        case VirtioReg::QueueDeviceHigh:
            return Half{&QueueSetup::device, 32};
        default:
            return std::nullopt;
    }
}

std::uint64_t with_word(std::uint64_t bits, unsigned shift, std::uint32_t value) noexcept {
    return (bits & ~(kLowHalf << shift)) | static_cast<std::uint64_t>(value) << shift;
}

}  // namespace

VirtioRegisters::VirtioRegisters(std::span<const std::uint16_t> queue_sizes) {
    for (const std::uint16_t size : queue_sizes) queues_.push_back({.max = size});
    reset();
}

void VirtioRegisters::reset() noexcept {
    device_features_sel_ = 0;
    driver_features_sel_ = 0;
    queue_sel_ = 0;
    features_ = 0;
    unknown_features_ = false;
    for (Queue& queue : queues_) queue = {.max = queue.max, .setup = {.size = queue.max}};
}

const VirtioRegisters::Queue* VirtioRegisters::selected() const noexcept {
    return queue_sel_ < queues_.size() ? &queues_[queue_sel_] : nullptr;
}

std::uint32_t VirtioRegisters::read(VirtioReg reg, std::uint64_t offered) const noexcept {
    switch (reg) {
        case VirtioReg::DeviceFeaturesSel:
            return device_features_sel_;
        case VirtioReg::DeviceFeatures:
            return word(offered, device_features_sel_);
        case VirtioReg::DriverFeaturesSel:
            return driver_features_sel_;
        case VirtioReg::DriverFeatures:
            return word(features_, driver_features_sel_);
        case VirtioReg::NumQueues:
            return static_cast<std::uint32_t>(queues_.size());
        case VirtioReg::QueueSel:
            return queue_sel_;
        default:
            break;
    }
    const Queue* const queue = selected();
    return queue == nullptr ? 0 : read_queue(reg, *queue);
}

std::uint32_t VirtioRegisters::read_queue(VirtioReg reg, const Queue& queue) const noexcept {
    switch (reg) {
        case VirtioReg::QueueNumMax:
            return queue.max;
        case VirtioReg::QueueNum:
            return queue.setup.size;
        case VirtioReg::QueueReady:
            return queue.ready ? 1 : 0;
        default:
            break;
    }
    const auto half = half_of(reg);
    return half ? static_cast<std::uint32_t>(raw(queue.setup.*half->area) >> half->shift) : 0;
}

bool VirtioRegisters::write(VirtioReg reg, std::uint32_t value, std::uint8_t status) noexcept {
    switch (reg) {
        case VirtioReg::DeviceFeaturesSel:
            device_features_sel_ = value;
            return true;
        case VirtioReg::DriverFeaturesSel:
            driver_features_sel_ = value;
            return true;
        case VirtioReg::QueueSel:
            queue_sel_ = value;
            return true;
        case VirtioReg::DriverFeatures:
            return (status & virtio_status::kFeaturesOk) == 0 && write_features(value);
        default:
            return (status & virtio_status::kDriverOk) == 0 && write_queue(reg, value);
    }
}

bool VirtioRegisters::write_features(std::uint32_t value) noexcept {
    if (driver_features_sel_ > 1) {
        unknown_features_ = unknown_features_ || value != 0;
        return value == 0;
    }
    features_ = with_word(features_, 32 * driver_features_sel_, value);
    return true;
}

/// A queue that is ready keeps its parameters (virtio 1.2, 4.2.2.2); until DRIVER_OK the driver may take that back.
bool VirtioRegisters::write_queue(VirtioReg reg, std::uint32_t value) noexcept {
    // Linux (6.1) takes back QueueReady of a queue that it has just found not to exist.
    if (queue_sel_ >= queues_.size()) return reg == VirtioReg::QueueReady && value == 0;
    Queue& queue = queues_[queue_sel_];
    if (reg == VirtioReg::QueueReady) {
        queue.ready = value == 1;
        return value <= 1;
    }
    if (queue.ready) return false;
    return reg == VirtioReg::QueueNum ? resize(queue, value) : write_address(queue.setup, reg, value);
}

bool VirtioRegisters::write_address(QueueSetup& setup, VirtioReg reg, std::uint32_t value) noexcept {
    const auto half = half_of(reg);
    if (!half) return false;
    Gpa& address = setup.*half->area;
    address = Gpa{with_word(raw(address), half->shift, value)};
    return true;
}

/// Virtio 1.2, 2.7 and 2.8: a split queue has a power of two of descriptors, a packed one any number.
bool VirtioRegisters::resize(Queue& queue, std::uint32_t size) const noexcept {
    if (size == 0 || size > queue.max) return false;
    if ((features_ & virtio_feature::kRingPacked) == 0 && !std::has_single_bit(size)) return false;
    queue.setup.size = static_cast<std::uint16_t>(size);
    return true;
}

}  // namespace qvm
