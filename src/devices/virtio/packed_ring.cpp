// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/packed_ring.hpp"

namespace qvm {

namespace {

using namespace descriptor_flag;

/// Offsets in struct pvirtq_desc (virtio 1.2, 2.8.13).
constexpr std::size_t kLength = 8;
constexpr std::size_t kId = 12;
constexpr std::size_t kFlags = 14;

/// struct pvirtq_event_suppress (virtio 1.2, 2.8.14) as one word: offset and wrap counter below, flags above.
constexpr std::size_t kEventSize = 4;
constexpr unsigned kEventFlagsShift = 16;
constexpr std::uint32_t kEventFlagsMask = 3;
constexpr unsigned kWrapShift = 15;

/// Descriptor Ring Change Event Flags (virtio 1.2, 2.8.10).
enum EventFlags : std::uint32_t { kEnable = 0, kDisable = 1, kDesc = 2 };

constexpr QueueFault kTooLong = "a descriptor chain longer than the queue";

}  // namespace

/// struct pvirtq_desc.
struct PackedRing::Descriptor {
    Gpa at;
    std::uint32_t length;
    std::uint16_t id;
    std::uint16_t flags;
};

void PackedRing::Position::advance(std::uint32_t steps, std::uint16_t size) noexcept {
    const std::uint32_t to = index + steps;
    if (to >= size) wrap = !wrap;
    index = static_cast<std::uint16_t>(to >= size ? to - size : to);
}

PackedRing::PackedRing(const GuestMemory& memory, const QueueSetup& setup) noexcept
    : builder_{memory},
      descriptors_{ring_area(memory, setup.descriptors, kDescriptorSize * setup.size, 16)},
      driver_event_{ring_area(memory, setup.driver, kEventSize, 4)},
      device_event_{ring_area(memory, setup.device, kEventSize, 4)},
      size_{setup.size},
      event_idx_{(setup.features & virtio_feature::kEventIdx) != 0},
      indirect_{(setup.features & virtio_feature::kIndirectDesc) != 0} {
    if (size_ == 0 || size_ > kLargestQueue) {
        fault_ = "an impossible queue size";
    } else if (descriptors_ == nullptr || driver_event_ == nullptr || device_event_ == nullptr) {
        fault_ = "a ring that is misaligned or outside of guest memory";
    }
}

bool PackedRing::fail(QueueFault why) noexcept {
    fault_ = why;
    return false;
}

/// Whether the driver has made the next descriptor available (2.8.1). The flags are what it writes last (2.8.21.1), so
/// they are read first.
bool PackedRing::available() const noexcept {
    const std::byte* const at = descriptors_ + kDescriptorSize * next_.index + kFlags;
    const auto flags = shared_load<std::uint16_t>(at, std::memory_order_acquire);
    return ((flags & kAvail) != 0) == next_.wrap && ((flags & kUsed) != 0) != next_.wrap;
}

bool PackedRing::pop(ChainSlot& slot) noexcept {
    if (!available()) return false;
    if (const QueueFault why = take(slot); !why.empty()) return fail(why);
    if (slot.descriptors > size_ - outstanding_) return fail("more descriptors available than the queue has");
    outstanding_ += slot.descriptors;
    next_.advance(slot.descriptors, size_);
    return true;
}

QueueFault PackedRing::take(ChainSlot& slot) noexcept {
    Position at = next_;
    for (std::uint16_t count = 1; count <= size_; ++count) {
        const auto copy = copy_descriptor<Descriptor>(descriptors_ + kDescriptorSize * at.index);
        const bool more = (copy.flags & kNext) != 0;
        slot.id = copy.id;  // that of the last one counts (2.8.6)
        slot.descriptors = count;
        if ((copy.flags & kIndirect) != 0) {
            if (more || count > 1) return "an indirect descriptor in a list";  // 2.8.19
            return take_table(copy, slot);
        }
        if (const QueueFault why = builder_.add(slot, copy.at, copy.length, (copy.flags & kWrite) != 0); !why.empty()) {
            return why;
        }
        if (!more) return {};
        at.advance(1, size_);
    }
    return kTooLong;
}

/// All entries of the table are buffers; of their flags only the one for writing counts (2.8.7).
QueueFault PackedRing::take_table(const Descriptor& table, ChainSlot& slot) noexcept {
    if (!indirect_) return "an indirect descriptor that was not negotiated";
    if (table.length == 0 || table.length % kDescriptorSize != 0) return "an indirect table of impossible size";
    const auto count = static_cast<std::uint32_t>(table.length / kDescriptorSize);
    if (count > size_) return kTooLong;
    for (std::uint32_t index = 0; index < count; ++index) {
        const auto copy = builder_.indirect<Descriptor>(table.at, index);
        if (!copy) return "an indirect table outside of guest memory";
        const bool writable = (copy->flags & kWrite) != 0;
        if (const QueueFault why = builder_.add(slot, copy->at, copy->length, writable); !why.empty()) return why;
    }
    return {};
}

void PackedRing::push(const ChainSlot& slot, std::uint32_t written) noexcept {
    std::byte* const at = descriptors_ + kDescriptorSize * used_.index;
    shared_store<std::uint32_t>(at + kLength, written, std::memory_order_relaxed);
    shared_store<std::uint16_t>(at + kId, slot.id, std::memory_order_relaxed);
    const unsigned marks = used_.wrap ? kAvail | kUsed : 0U;
    const auto flags = static_cast<std::uint16_t>(marks | (written != 0 ? kWrite : 0U));
    if (first_flags_ == nullptr) {
        first_flags_ = at + kFlags;
        first_value_ = flags;
    } else {
        shared_store(at + kFlags, flags, std::memory_order_relaxed);
    }
    used_.advance(slot.descriptors, size_);
    outstanding_ -= slot.descriptors;
    moved_ += slot.descriptors;
}

/// The driver looks at used descriptors in their order, so it sees none before the first one's flags, which are written
/// behind all the rest and what is in the buffers.
void PackedRing::publish() noexcept {
    if (first_flags_ != nullptr) shared_store(first_flags_, first_value_, std::memory_order_release);
    first_flags_ = nullptr;
}

/// Virtio 1.2, 2.8.10.
bool PackedRing::interrupt_wanted() noexcept {
    if (moved_ == 0) return false;
    // The driver asks for a notification and then looks at the ring once more; here it is the other way round.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::uint64_t moved = moved_;
    moved_ = 0;
    const auto word = shared_load<std::uint32_t>(driver_event_, std::memory_order_relaxed);
    const std::uint32_t flags = word >> kEventFlagsShift & kEventFlagsMask;
    if (flags == kDisable) return false;
    if (flags != kDesc || !event_idx_) return true;
    return reached(static_cast<std::uint16_t>(word), moved);
}

/// Whether the place that the driver waits for is one of the last `moved` ones that were used.
bool PackedRing::reached(std::uint16_t event, std::uint64_t moved) const noexcept {
    const Position wanted{static_cast<std::uint16_t>(event & (kLargestQueue - 1U)), event >> kWrapShift != 0};
    if (wanted.index >= size_) return true;
    const std::uint32_t round = 2U * size_;
    const std::uint32_t behind = (used_.serial(size_) + round - wanted.serial(size_) - 1) % round;
    return behind < moved;
}

void PackedRing::disable_notifications() noexcept {
    shared_store<std::uint32_t>(device_event_, kDisable << kEventFlagsShift, std::memory_order_relaxed);
}

bool PackedRing::enable_notifications() noexcept {
    std::uint32_t word = kEnable << kEventFlagsShift;
    if (event_idx_) {
        word = kDesc << kEventFlagsShift | std::uint32_t{next_.wrap} << kWrapShift | next_.index;
    }
    shared_store(device_event_, word, std::memory_order_relaxed);
    // The driver writes flags and then looks whether to notify (2.8.21.2); here it is the other way round.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return available();
}

}  // namespace qvm
