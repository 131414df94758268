// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/split_ring.hpp"

namespace qvm {

namespace {

using namespace descriptor_flag;

/// Offsets in the available and the used ring (virtio 1.2, 2.7.6 and 2.7.8).
constexpr std::size_t kFlags = 0;
constexpr std::size_t kIndex = 2;
constexpr std::size_t kEntries = 4;
constexpr std::size_t kAvailableEntry = 2;
constexpr std::size_t kUsedEntry = 8;
constexpr std::size_t kEvent = 2;  ///< used_event, avail_event: behind the entries

constexpr std::uint16_t kNoInterrupt = 1;  ///< VIRTQ_AVAIL_F_NO_INTERRUPT
constexpr std::uint16_t kNoNotify = 1;     ///< VIRTQ_USED_F_NO_NOTIFY

constexpr QueueFault kTooLong = "a descriptor chain longer than the queue, or a loop";

bool possible_size(std::uint16_t size) noexcept {
    return size != 0 && size <= kLargestQueue && std::has_single_bit(size);
}

}  // namespace

/// struct virtq_desc (virtio 1.2, 2.7.5).
struct SplitRing::Descriptor {
    Gpa at;
    std::uint32_t length;
    std::uint16_t flags;
    std::uint16_t next;
};

SplitRing::SplitRing(const GuestMemory& memory, const QueueSetup& setup)
    : builder_{memory},
      descriptors_{ring_area(memory, setup.descriptors, kDescriptorSize * setup.size, 16)},
      available_{ring_area(memory, setup.driver, kEntries + kAvailableEntry * setup.size + kEvent, 2)},
      used_{ring_area(memory, setup.device, kEntries + kUsedEntry * setup.size + kEvent, 4)},
      size_{setup.size},
      event_idx_{(setup.features & virtio_feature::kEventIdx) != 0},
      indirect_{(setup.features & virtio_feature::kIndirectDesc) != 0} {
    if (!possible_size(size_)) {
        fault_ = "an impossible queue size";
    } else if (descriptors_ == nullptr || available_ == nullptr || used_ == nullptr) {
        fault_ = "a ring that is misaligned or outside of guest memory";
    } else {
        held_.resize(size_);
    }
}

bool SplitRing::fail(QueueFault why) noexcept {
    fault_ = why;
    return false;
}

/// Whether the available ring has an entry that has not been taken (virtio 1.2, 2.7.13: the driver writes entries and
/// descriptors before the index, so the index is read before them).
bool SplitRing::more_available() noexcept {
    available_index_ = shared_load<std::uint16_t>(available_ + kIndex, std::memory_order_acquire);
    const auto entries = static_cast<std::uint16_t>(available_index_ - next_);
    if (entries > size_) return fail("an available index that runs ahead of the queue size");
    return entries != 0;
}

bool SplitRing::pop(ChainSlot& slot) noexcept {
    if (next_ == available_index_ && !more_available()) return false;
    const std::size_t entry = next_ & (size_ - 1U);
    const auto head =
        shared_load<std::uint16_t>(available_ + kEntries + kAvailableEntry * entry, std::memory_order_relaxed);
    if (head >= size_) return fail("an available head outside of the descriptor table");
    if (held_[head]) return fail("a chain made available again before it was used");
    slot.id = head;
    if (const QueueFault why = walk(head, slot); !why.empty()) return fail(why);
    held_[head] = true;
    ++next_;
    return true;
}

QueueFault SplitRing::walk(std::uint16_t head, ChainSlot& slot) noexcept {
    std::uint16_t at = head;
    for (std::uint32_t left = size_; left != 0; --left) {
        const auto copy = copy_descriptor<Descriptor>(descriptors_ + kDescriptorSize * at);
        // Behind direct descriptors, too (2.7.5.3.2).
        if ((copy.flags & kIndirect) != 0) return walk_table(copy, left, slot);
        if (const QueueFault why = builder_.add(slot, copy.at, copy.length, (copy.flags & kWrite) != 0); !why.empty()) {
            return why;
        }
        if ((copy.flags & kNext) == 0) return {};
        if (copy.next >= size_) return "a next descriptor outside of the descriptor table";
        at = copy.next;
    }
    return kTooLong;
}

QueueFault SplitRing::judge_table(const Descriptor& table) const noexcept {
    if (!indirect_) return "an indirect descriptor that was not negotiated";
    if ((table.flags & kNext) != 0) return "an indirect descriptor with a next one";  // 2.7.5.3.1
    if (table.length == 0 || table.length % kDescriptorSize != 0) return "an indirect table of impossible size";
    return {};
}

/// `left`: descriptors that the chain may still have; the one of the table is no part of it.
QueueFault SplitRing::walk_table(const Descriptor& table, std::uint32_t left, ChainSlot& slot) noexcept {
    if (const QueueFault why = judge_table(table); !why.empty()) return why;
    std::uint16_t at = 0;
    for (; left != 0; --left) {
        const auto copy = builder_.indirect<Descriptor>(table.at, at);
        if (!copy) return "an indirect table outside of guest memory";
        if ((copy->flags & kIndirect) != 0) return "an indirect descriptor in an indirect table";
        const bool writable = (copy->flags & kWrite) != 0;
        if (const QueueFault why = builder_.add(slot, copy->at, copy->length, writable); !why.empty()) return why;
        if ((copy->flags & kNext) == 0) return {};
        if (copy->next >= table.length / kDescriptorSize) return "a next descriptor outside of the indirect table";
        at = copy->next;
    }
    return kTooLong;
}

void SplitRing::push(const ChainSlot& slot, std::uint32_t written) noexcept {
    held_[slot.id] = false;
    std::byte* const entry = used_ + kEntries + kUsedEntry * (used_index_ & (size_ - 1U));
    shared_store<std::uint32_t>(entry, slot.id, std::memory_order_relaxed);
    shared_store<std::uint32_t>(entry + 4, written, std::memory_order_relaxed);
    ++used_index_;
    ++pushed_;
}

/// Behind the entries and what was written into the buffers (2.7.8.2).
void SplitRing::publish() noexcept { shared_store(used_ + kIndex, used_index_, std::memory_order_release); }

/// Virtio 1.2, 2.7.7.2.
bool SplitRing::interrupt_wanted() noexcept {
    if (pushed_ == 0) return false;
    // The driver asks for a notification and then looks at the index once more; here it is the other way round.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::uint64_t pushed = pushed_;
    pushed_ = 0;
    if (!event_idx_) {
        return (shared_load<std::uint16_t>(available_ + kFlags, std::memory_order_relaxed) & kNoInterrupt) == 0;
    }
    const std::size_t used_event = kEntries + kAvailableEntry * size_;
    const auto event = shared_load<std::uint16_t>(available_ + used_event, std::memory_order_relaxed);
    // Whether the entry that the driver waits for is one of those pushed.
    return static_cast<std::uint16_t>(used_index_ - event - 1) < pushed;
}

/// Virtio 1.2, 2.7.10.2. With event indices the old one simply stays behind.
void SplitRing::disable_notifications() noexcept {
    if (!event_idx_) shared_store<std::uint16_t>(used_ + kFlags, kNoNotify, std::memory_order_relaxed);
}

bool SplitRing::enable_notifications() noexcept {
    if (event_idx_) {
        shared_store<std::uint16_t>(used_ + kEntries + kUsedEntry * size_, next_, std::memory_order_relaxed);
    } else {
        shared_store<std::uint16_t>(used_ + kFlags, 0, std::memory_order_relaxed);
    }
    // The driver writes its index and then looks whether to notify (2.7.13.4); here it is the other way round.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return shared_load<std::uint16_t>(available_ + kIndex, std::memory_order_relaxed) != next_;
}

}  // namespace qvm
