// SPDX-License-Identifier: Apache-2.0
// The driver's side of a virtqueue, as the guest's kernel has it (virtio 1.2, 2.7.13, 2.7.14, 2.8.21, 2.8.22).
//
//     GuestHeap heap{memory, Gpa{0x1000}, kMiB};
//     const auto driver = make_queue_driver(heap, 16, virtio_feature::kVersion1 | virtio_feature::kRingPacked);
//     Virtqueue queue{memory, driver->setup()};
//     const auto answer = heap.writable(4);
//     driver->add({heap.readable("ping"), answer});
//     ... the device pops, writes and pushes ...
//     const auto used = driver->collect();      // used->written == 4
//     heap.text(answer);
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "devices/virtio/queue_setup.hpp"
#include "devices/virtio/ring_memory.hpp"
#include "support/guest_heap.hpp"

namespace qvm::test {

enum class Layout { Direct, Indirect };

/// Used by one thread at a time, like the device's side.
class QueueDriver {
public:
    struct Used {
        std::uint16_t id = 0;  ///< what add() said
        std::uint32_t written = 0;
    };

    virtual ~QueueDriver() = default;
    QueueDriver(const QueueDriver&) = delete;
    QueueDriver& operator=(const QueueDriver&) = delete;

    [[nodiscard]] const QueueSetup& setup() const { return setup_; }

    /// Whether a chain of that many buffers finds room.
    [[nodiscard]] bool has_room(std::size_t buffers, Layout layout = Layout::Direct) const {
        return free() >= (layout == Layout::Indirect ? 1U : buffers);
    }
    /// Writes a chain into the ring; the device sees it with the next publish(). Returns what collect() names it by.
    /// Throws if there is no room.
    std::uint16_t place(const std::vector<Buffer>& chain, Layout layout = Layout::Direct) {
        if (chain.empty() || !has_room(chain.size(), layout)) throw std::logic_error{"no room in the queue"};
        return layout == Layout::Indirect ? place_indirect(chain) : place_direct(chain);
    }
    virtual void publish() = 0;
    std::uint16_t add(const std::vector<Buffer>& chain, Layout layout = Layout::Direct) {
        const auto id = place(chain, layout);
        publish();
        return id;
    }
    /// Whether the device wants to be notified of what was published since the last call.
    [[nodiscard]] virtual bool kick_wanted() = 0;

    /// The next chain that the device has given back.
    [[nodiscard]] virtual std::optional<Used> collect() = 0;
    /// "Do not notify."
    virtual void suppress_interrupts() = 0;
    /// "Notify." With event indices: not before `more` chains besides the next one have been used (packed rings:
    /// descriptors). True if there is something to collect already.
    virtual bool request_interrupt(std::uint16_t more = 0) = 0;

protected:
    QueueDriver(GuestHeap& heap, std::uint16_t size, std::uint64_t features) : heap_{heap} {
        setup_.size = size;
        setup_.features = features;
    }

    [[nodiscard]] virtual std::size_t free() const = 0;
    virtual std::uint16_t place_direct(const std::vector<Buffer>& chain) = 0;
    virtual std::uint16_t place_indirect(const std::vector<Buffer>& chain) = 0;

    [[nodiscard]] bool event_idx() const { return (setup_.features & virtio_feature::kEventIdx) != 0; }

    /// A part of the queue: zeroed memory of the guest's.
    [[nodiscard]] std::byte* area(Gpa& where, std::size_t size, std::size_t alignment) {
        where = heap_.take(size, alignment);
        const auto bytes = heap_.memory().span(where, size).value();
        std::ranges::fill(bytes, std::byte{0});
        return bytes.data();
    }
    /// The same memory for the indirect table of the same id every time.
    [[nodiscard]] Gpa table_of(std::uint16_t id, std::size_t entries) {
        if (tables_.size() <= id) tables_.resize(id + 1U);
        auto& [at, room] = tables_[id];
        if (room < entries) at = heap_.take((room = entries) * kDescriptorSize);
        return at;
    }

    template <typename T>
    [[nodiscard]] static T load(const std::byte* at, std::memory_order order = std::memory_order_relaxed) {
        return shared_load<T>(at, order);
    }
    template <typename T>
    static void store(std::byte* at, T value, std::memory_order order = std::memory_order_relaxed) {
        shared_store<T>(at, value, order);
    }
    [[nodiscard]] GuestHeap& heap() { return heap_; }

    QueueSetup setup_;

private:
    GuestHeap& heap_;
    std::vector<std::pair<Gpa, std::size_t>> tables_;
};

/// struct virtq_desc, for tests that write one by themselves.
struct SplitDescriptor {
    std::uint64_t at;
    std::uint32_t length;
    std::uint16_t flags;
    std::uint16_t next;
};

class SplitDriver final : public QueueDriver {
public:
    SplitDriver(GuestHeap& heap, std::uint16_t size, std::uint64_t features) : QueueDriver{heap, size, features} {
        descriptors_ = area(setup_.descriptors, kDescriptorSize * size, 16);
        available_ = area(setup_.driver, 6 + 2U * size, 2);
        used_ = area(setup_.device, 6 + 8U * size, 4);
        for (std::uint16_t i = size; i != 0; --i) free_.push_back(static_cast<std::uint16_t>(i - 1));
        chains_.resize(size);
    }

    void publish() override { store(available_ + 2, available_index_, std::memory_order_release); }

    [[nodiscard]] bool kick_wanted() override {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        const auto before = std::exchange(kicked_, available_index_);
        if (!event_idx()) return load<std::uint16_t>(used_) == 0 && before != available_index_;
        const auto event = load<std::uint16_t>(used_ + 4 + 8U * setup_.size);
        return static_cast<std::uint16_t>(available_index_ - event - 1) <
               static_cast<std::uint16_t>(available_index_ - before);
    }

    [[nodiscard]] std::optional<Used> collect() override {
        if (load<std::uint16_t>(used_ + 2, std::memory_order_acquire) == used_index_) return std::nullopt;
        const std::byte* const entry = used_ + 4 + 8U * (used_index_ % setup_.size);
        const auto id = load<std::uint32_t>(entry);
        if (id >= setup_.size || chains_[id].empty()) throw std::logic_error{"used: a chain that is not there"};
        ++used_index_;
        free_.insert(free_.end(), chains_[id].rbegin(), chains_[id].rend());
        chains_[id].clear();
        return Used{static_cast<std::uint16_t>(id), load<std::uint32_t>(entry + 4)};
    }

    void suppress_interrupts() override {
        if (!event_idx()) store<std::uint16_t>(available_, 1);
    }
    bool request_interrupt(std::uint16_t more) override {
        if (event_idx()) {
            store(available_ + 4 + 2U * setup_.size, static_cast<std::uint16_t>(used_index_ + more));
        } else {
            store<std::uint16_t>(available_, 0);
        }
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return load<std::uint16_t>(used_ + 2) != used_index_;
    }

    /// For drivers that break the rules.
    void write_descriptor(std::uint16_t index, const SplitDescriptor& descriptor) {
        std::memcpy(descriptors_ + kDescriptorSize * index, &descriptor, sizeof descriptor);
    }
    void offer(std::uint16_t head) {
        store(available_ + 4 + 2U * (available_index_ % setup_.size), head);
        ++available_index_;
    }
    void set_available_index(std::uint16_t index) { available_index_ = index; }

protected:
    [[nodiscard]] std::size_t free() const override { return free_.size(); }

    std::uint16_t place_direct(const std::vector<Buffer>& chain) override {
        const std::uint16_t head = free_.back();
        for (std::size_t i = 0; i < chain.size(); ++i) {
            const std::uint16_t at = free_.back();
            free_.pop_back();
            chains_[head].push_back(at);
            const bool more = i + 1 < chain.size();
            write_descriptor(at, descriptor(chain[i], more, more ? free_.back() : std::uint16_t{0}));
        }
        offer(head);
        return head;
    }
    std::uint16_t place_indirect(const std::vector<Buffer>& chain) override {
        const std::uint16_t head = free_.back();
        free_.pop_back();
        chains_[head].push_back(head);
        const Gpa table = table_of(head, chain.size());
        for (std::uint16_t i = 0; i < chain.size(); ++i) {
            const bool more = i + 1U < chain.size();
            const auto next = static_cast<std::uint16_t>(more ? i + 1U : 0U);
            (void)heap().memory().write(Gpa{raw(table) + kDescriptorSize * i}, descriptor(chain[i], more, next));
        }
        const auto length = static_cast<std::uint32_t>(kDescriptorSize * chain.size());
        write_descriptor(head, {raw(table), length, descriptor_flag::kIndirect, 0});
        offer(head);
        return head;
    }

private:
    [[nodiscard]] static SplitDescriptor descriptor(const Buffer& buffer, bool more, std::uint16_t next) {
        const unsigned flags = (buffer.writable ? descriptor_flag::kWrite : 0U) | (more ? descriptor_flag::kNext : 0U);
        return {raw(buffer.at), buffer.size, static_cast<std::uint16_t>(flags), next};
    }

    std::byte* descriptors_;
    std::byte* available_;
    std::byte* used_;
    std::vector<std::uint16_t> free_;
    std::vector<std::vector<std::uint16_t>> chains_;  ///< descriptors by head
    std::uint16_t available_index_ = 0;
    std::uint16_t used_index_ = 0;
    std::uint16_t kicked_ = 0;
};

/// struct pvirtq_desc, for tests that write one by themselves.
struct PackedDescriptor {
    std::uint64_t at;
    std::uint32_t length;
    std::uint16_t id;
    std::uint16_t flags;
};

class PackedDriver final : public QueueDriver {
public:
    PackedDriver(GuestHeap& heap, std::uint16_t size, std::uint64_t features)
        : QueueDriver{heap, size, features}, free_{size} {
        descriptors_ = area(setup_.descriptors, kDescriptorSize * size, 16);
        driver_event_ = area(setup_.driver, 4, 4);
        device_event_ = area(setup_.device, 4, 4);
        for (std::uint16_t i = size; i != 0; --i) ids_.push_back(static_cast<std::uint16_t>(i - 1));
        lengths_.resize(size);
    }

    void publish() override {
        if (!held_back_) return;
        const auto [index, flags] = *held_back_;
        store(descriptors_ + kDescriptorSize * index + 14, flags, std::memory_order_release);
        held_back_.reset();
    }

    [[nodiscard]] bool kick_wanted() override {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        const auto moved = std::exchange(placed_, 0);
        const auto word = load<std::uint32_t>(device_event_);
        if (moved == 0 || word >> 16 == 1) return false;
        if (word >> 16 == 0) return true;
        const std::uint32_t round = 2U * setup_.size;
        const std::uint32_t wanted = (word & 0x7fff) + ((word & 0x8000) != 0 ? 0U : setup_.size);
        const std::uint32_t here = next_ + (wrap_ ? 0U : setup_.size);
        return (here + round - wanted - 1) % round < moved;
    }

    [[nodiscard]] std::optional<Used> collect() override {
        if (!is_used()) return std::nullopt;
        const std::byte* const at = descriptors_ + kDescriptorSize * next_used_;
        const auto id = load<std::uint16_t>(at + 12);
        if (id >= lengths_.size() || lengths_[id] == 0) throw std::logic_error{"used: a chain that is not there"};
        const std::uint32_t to = next_used_ + std::uint32_t{lengths_[id]};
        free_ += std::exchange(lengths_[id], std::uint16_t{0});
        ids_.push_back(id);
        if (to >= setup_.size) used_wrap_ = !used_wrap_;
        next_used_ = static_cast<std::uint16_t>(to % setup_.size);
        return Used{id, load<std::uint32_t>(at + 8)};
    }

    void suppress_interrupts() override { store<std::uint32_t>(driver_event_, 1U << 16); }
    bool request_interrupt(std::uint16_t more) override {
        if (event_idx()) {
            const std::uint32_t to = next_used_ + std::uint32_t{more};
            const bool wrap = used_wrap_ != (to >= setup_.size);
            store<std::uint32_t>(driver_event_, 2U << 16 | (wrap ? 0x8000U : 0U) | to % setup_.size);
        } else {
            store<std::uint32_t>(driver_event_, 0);
        }
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return is_used();
    }

    /// For drivers that break the rules; `flags` without those for being available.
    void write_descriptor(std::uint16_t index, const PackedDescriptor& descriptor) {
        std::memcpy(descriptors_ + kDescriptorSize * index, &descriptor, sizeof descriptor);
    }
    [[nodiscard]] std::uint16_t marked_available(unsigned flags) const {
        return static_cast<std::uint16_t>(flags | (wrap_ ? descriptor_flag::kAvail : descriptor_flag::kUsed));
    }

protected:
    [[nodiscard]] std::size_t free() const override { return free_; }

    std::uint16_t place_direct(const std::vector<Buffer>& chain) override {
        const std::uint16_t id = take_id(chain.size());
        for (std::size_t i = 0; i < chain.size(); ++i) {
            const unsigned more = i + 1 < chain.size() ? descriptor_flag::kNext : 0U;
            put({raw(chain[i].at), chain[i].size, id, marked_available(write_flag(chain[i]) | more)});
        }
        return id;
    }
    std::uint16_t place_indirect(const std::vector<Buffer>& chain) override {
        const std::uint16_t id = take_id(1);
        const Gpa table = table_of(id, chain.size());
        for (std::size_t i = 0; i < chain.size(); ++i) {
            const PackedDescriptor entry{raw(chain[i].at), chain[i].size, 0, write_flag(chain[i])};
            (void)heap().memory().write(Gpa{raw(table) + kDescriptorSize * i}, entry);
        }
        const auto length = static_cast<std::uint32_t>(kDescriptorSize * chain.size());
        put({raw(table), length, id, marked_available(descriptor_flag::kIndirect)});
        return id;
    }

private:
    [[nodiscard]] static std::uint16_t write_flag(const Buffer& buffer) {
        return buffer.writable ? descriptor_flag::kWrite : std::uint16_t{0};
    }
    [[nodiscard]] bool is_used() const {
        const auto flags =
            load<std::uint16_t>(descriptors_ + kDescriptorSize * next_used_ + 14, std::memory_order_acquire);
        const bool avail = (flags & descriptor_flag::kAvail) != 0;
        const bool used = (flags & descriptor_flag::kUsed) != 0;
        return avail == used && used == used_wrap_;
    }
    [[nodiscard]] std::uint16_t take_id(std::size_t descriptors) {
        const std::uint16_t id = ids_.back();
        ids_.pop_back();
        lengths_[id] = static_cast<std::uint16_t>(descriptors);
        free_ -= descriptors;
        placed_ += static_cast<std::uint32_t>(descriptors);
        return id;
    }
    /// The flags of the first descriptor since publish() are held back: the device sees nothing behind it either.
    void put(const PackedDescriptor& descriptor) {
        std::byte* const at = descriptors_ + kDescriptorSize * next_;
        std::memcpy(at, &descriptor, 14);
        if (!held_back_) {
            held_back_ = {next_, descriptor.flags};
        } else {
            store(at + 14, descriptor.flags);
        }
        if (++next_ == setup_.size) {
            next_ = 0;
            wrap_ = !wrap_;
        }
    }

    std::byte* descriptors_;
    std::byte* driver_event_;
    std::byte* device_event_;
    std::size_t free_;
    std::vector<std::uint16_t> ids_;
    std::vector<std::uint16_t> lengths_;  ///< descriptors by id; 0: not in use
    std::optional<std::pair<std::uint16_t, std::uint16_t>> held_back_;
    std::uint32_t placed_ = 0;
    std::uint16_t next_ = 0;
    bool wrap_ = true;
    std::uint16_t next_used_ = 0;
    bool used_wrap_ = true;
};

/// The kind that `features` say.
[[nodiscard]] inline std::unique_ptr<QueueDriver> make_queue_driver(GuestHeap& heap, std::uint16_t size,
                                                                    std::uint64_t features) {
    if ((features & virtio_feature::kRingPacked) != 0) return std::make_unique<PackedDriver>(heap, size, features);
    return std::make_unique<SplitDriver>(heap, size, features);
}

}  // namespace qvm::test
