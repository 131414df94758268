// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/mmio_legacy.hpp"

#include <algorithm>
#include <bit>

namespace qvm {
namespace {

/// Virtio 1.2, 2.7.2: the areas lie behind each other, the used ring on a boundary of its own.
QueueSetup contiguous(std::uint64_t start, std::uint32_t size, std::uint32_t align) noexcept {
    constexpr std::uint64_t kDescriptor = 16;
    const std::uint64_t driver = start + kDescriptor * size;
    const std::uint64_t end = driver + sizeof(std::uint16_t) * (3ULL + size);
    return {.descriptors = Gpa{start}, .driver = Gpa{driver}, .device = Gpa{(end + align - 1) & ~(align - 1ULL)}};
}

}  // namespace

MmioLegacy::Queue* MmioLegacy::selected() noexcept {
    const std::uint32_t number = core_.read(VirtioReg::QueueSel);
    return number < queues_.size() ? &queues_[number] : nullptr;
}

/// Of the three a driver reads only this one: whether somebody uses the queue already.
std::uint32_t MmioLegacy::read(std::uint64_t offset) noexcept {
    const std::lock_guard lock{mutex_};
    const Queue* const queue = selected();
    return offset == kQueuePfn && queue != nullptr ? queue->page : 0;
}

void MmioLegacy::write(std::uint64_t offset, std::uint32_t value) noexcept {
    const std::lock_guard lock{mutex_};
    if (offset == kGuestPageSize) {
        page_size_ = value;
        return;
    }
    Queue* const queue = selected();
    if (queue == nullptr) return core_.misused();
    if (offset == kQueuePfn) return place(*queue, value);
    queue->align = value;
}

void MmioLegacy::place(Queue& queue, std::uint32_t page) noexcept {
    const std::uint32_t align = queue.align != 0 ? queue.align : page_size_;
    if (page != 0 && !(std::has_single_bit(page_size_) && std::has_single_bit(align))) return core_.misused();
    queue.page = page;
    if (page == 0) return core_.write(VirtioReg::QueueReady, 0);
    const QueueSetup areas = contiguous(std::uint64_t{page} * page_size_, core_.read(VirtioReg::QueueNum), align);
    const auto write_address = [this](VirtioReg low, VirtioReg high, Gpa at) {
        core_.write(low, static_cast<std::uint32_t>(raw(at)));
        core_.write(high, static_cast<std::uint32_t>(raw(at) >> 32));
    };
    write_address(VirtioReg::QueueDescLow, VirtioReg::QueueDescHigh, areas.descriptors);
    write_address(VirtioReg::QueueDriverLow, VirtioReg::QueueDriverHigh, areas.driver);
    write_address(VirtioReg::QueueDeviceLow, VirtioReg::QueueDeviceHigh, areas.device);
    core_.write(VirtioReg::QueueReady, 1);
}

void MmioLegacy::reset() noexcept {
    const std::lock_guard lock{mutex_};
    std::ranges::fill(queues_, Queue{});
}

}  // namespace qvm
