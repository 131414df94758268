// SPDX-License-Identifier: Apache-2.0
// A driver without manners on one queue: it writes what it likes where it likes, between any two steps of the device.
#pragma once

#include <deque>

#include "devices/virtio/virtqueue.hpp"
#include "fuzz/input.hpp"
#include "support/queue_driver.hpp"

namespace qvm::test {

/// 64 KiB of RAM with the rings in it, 4 KiB of ROM, 64 KiB of RAM in two blocks, nothing.
class FuzzMemory {
public:
    static constexpr std::uint64_t kRomAt = 64 * kKiB;
    static constexpr std::uint64_t kMoreAt = kRomAt + 4 * kKiB;
    static constexpr std::uint64_t kEnd = kMoreAt + 64 * kKiB;
    static constexpr std::uint64_t kDirty = 16 * kKiB;  ///< what drivers write to begins at 0

    FuzzMemory() {
        memory.add(Range::make(0, kRomAt).value(), GuestMemory::Kind::Ram);
        memory.add(Range::make(kRomAt, kMoreAt - kRomAt).value(), GuestMemory::Kind::Rom);
        memory.add(Range::make(kMoreAt, 32 * kKiB).value(), GuestMemory::Kind::Ram);
        memory.add(Range::make(kMoreAt + 32 * kKiB, 32 * kKiB).value(), GuestMemory::Kind::Ram);
    }
    /// Inputs must not depend on those before.
    void clear() const { std::ranges::fill(memory.span(Gpa{0}, kDirty).value(), std::byte{0}); }

    GuestMemory memory;
};

class QueueFuzz {
public:
    QueueFuzz(const GuestMemory& memory, FuzzInput& input, std::uint64_t ring)
        : memory_{memory}, input_{input}, setup_{setup(ring)}, queue_{memory, setup_} {}

    void run() {
        // As many steps as libFuzzer's longest inputs have bytes.
        for (unsigned steps = 0; !input_.empty() && steps < 4096; ++steps) step();
        promise(queue_.in_flight() == held_.size(), "chains are counted");
    }

private:
    static constexpr Gpa kDescriptors{0x1000};  ///< 256 descriptors
    static constexpr Gpa kDriver{0x2000};
    static constexpr Gpa kDevice{0x2400};
    static constexpr Gpa kTables{0x3000};

    [[nodiscard]] QueueSetup setup(std::uint64_t ring) {
        const std::uint8_t choice = input_.byte();
        QueueSetup out{.size = static_cast<std::uint16_t>(1U << (choice & 7)),
                       .descriptors = kDescriptors,
                       .driver = kDriver,
                       .device = kDevice,
                       .features = virtio_feature::kVersion1 | ring};
        if ((choice & 0x10) != 0) out.features |= virtio_feature::kIndirectDesc;
        if ((choice & 0x20) != 0) out.features |= virtio_feature::kEventIdx;
        if ((choice & 0xc0) != 0xc0) return out;
        // Any size, any place.
        out.size = input_.word();
        (choice & 0x08) != 0 ? out.descriptors = Gpa{input_.take<std::uint64_t>()} : out.device = Gpa{input_.dword()};
        return out;
    }

    void step() {
        switch (input_.byte() % 12) {
            case 0:
            case 1:
                return pop();
            case 2:
                return push();
            case 3:
                return (void)queue_.interrupt_wanted();
            case 4:
                return queue_.disable_notifications();
            case 5:
                return (void)queue_.enable_notifications();
            case 6:
                return write_anywhere();
            case 7:
            case 8:
                return write_descriptor(kDescriptors, input_.byte());
            case 9:
                return write_descriptor(kTables, input_.byte() % 64);
            default:
                return offer();
        }
    }

    void pop() {
        auto chain = queue_.pop();
        promise(!chain || !queue_.broken(), "a broken queue gives no chains");
        if (!chain) return;
        promise(check(chain->readable(), false) == chain->readable_size(),
                "readable buffers have the size that is said");
        promise(check(chain->writable(), true) == chain->writable_size(),
                "writable buffers have the size that is said");
        std::array<std::byte, 300> some;
        (void)chain->read(input_.byte(), some);
        if (chain->writable_size() < 0x1000) chain->write(input_.byte(), some);
        held_.push_back(std::move(*chain));
        if (held_.size() > setup_.size) promise(false, "no more chains than descriptors");
    }

    /// The sum of the buffers' sizes; each lies in one block, the writable ones not in ROM.
    [[nodiscard]] std::uint64_t check(std::span<const iovec> buffers, bool writable) const {
        std::uint64_t sum = 0;
        for (const iovec& buffer : buffers) {
            promise(std::ranges::any_of(memory_.blocks(),
                                        [&](const GuestMemory::Block& block) {
                                            return holds(block, buffer) &&
                                                   (!writable || block.kind == GuestMemory::Kind::Ram);
                                        }),
                    "buffers lie in guest memory");
            sum += buffer.iov_len;
        }
        return sum;
    }
    [[nodiscard]] static bool holds(const GuestMemory::Block& block, const iovec& buffer) {
        const auto bytes = block.mapping.bytes();
        const auto* const begin = static_cast<const std::byte*>(buffer.iov_base);
        return begin >= bytes.data() && buffer.iov_len != 0 &&
               buffer.iov_len <= static_cast<std::size_t>(bytes.data() + bytes.size() - begin);
    }

    void push() {
        if (held_.empty()) return;
        const auto which = static_cast<std::ptrdiff_t>(input_.byte() % held_.size());
        Chain chain = std::move(held_[static_cast<std::size_t>(which)]);
        const std::uint32_t written = input_.dword();
        written % 4 == 0 ? queue_.hold(std::move(chain), written) : queue_.push(std::move(chain), written);
        held_.erase(held_.begin() + which);
    }

    void write_anywhere() {
        const std::uint64_t at = input_.word() % FuzzMemory::kDirty;
        const auto bytes = input_.bytes(1 + input_.byte() % 32U);
        (void)memory_.write(Gpa{std::min(at, FuzzMemory::kDirty - bytes.size())}, bytes);
    }

    /// One that has a chance to be right.
    void write_descriptor(Gpa table, unsigned index) {
        const Gpa to{raw(table) + 16 * std::uint64_t{index}};
        const std::uint8_t choice = input_.byte();
        SplitDescriptor descriptor{address(), input_.byte(), static_cast<std::uint16_t>(choice & 7), 0};
        descriptor.next = static_cast<std::uint16_t>(index + 1);
        if ((choice & 0x08) != 0) descriptor.length = 16U * (descriptor.length % 20);
        if ((choice & 0x40) != 0) descriptor.next = input_.word();
        if ((choice & 0x80) != 0) descriptor.length = input_.dword();
        if ((descriptor.flags & descriptor_flag::kIndirect) != 0) descriptor.at = raw(kTables);
        if (packed()) std::swap(descriptor.flags, descriptor.next);
        if (packed() && (choice & 0x20) != 0) descriptor.next |= descriptor_flag::kAvail;
        if (packed() && (choice & 0x10) != 0) descriptor.next |= descriptor_flag::kUsed;
        (void)memory_.write(to, descriptor);
    }
    [[nodiscard]] std::uint64_t address() {
        constexpr std::uint64_t kPlaces[]{0x8000,
                                          FuzzMemory::kRomAt - 2,
                                          FuzzMemory::kRomAt,
                                          FuzzMemory::kMoreAt,
                                          FuzzMemory::kMoreAt + 32 * kKiB - 2,
                                          FuzzMemory::kEnd - 64,
                                          UINT64_MAX - 8,
                                          raw(kDescriptors)};
        return kPlaces[input_.byte() % std::size(kPlaces)];
    }

    /// Split: a head into the available ring. Packed: the marks of the next descriptor that might be meant.
    void offer() {
        const std::uint16_t head = input_.byte();
        if (packed()) {
            const Gpa at{raw(kDescriptors) + 16 * std::uint64_t{head} + 14};
            const auto flags = memory_.read<std::uint16_t>(at).value_or(0);
            (void)memory_.write(at, static_cast<std::uint16_t>(flags ^ (1U << 7)));
            return;
        }
        const auto index = memory_.read<std::uint16_t>(Gpa{raw(kDriver) + 2}).value_or(0);
        const std::uint64_t entry = setup_.size == 0 ? 0 : index % setup_.size;
        (void)memory_.write(Gpa{raw(kDriver) + 4 + 2 * entry}, head);
        (void)memory_.write(Gpa{raw(kDriver) + 2}, static_cast<std::uint16_t>(index + 1));
    }

    [[nodiscard]] bool packed() const { return (setup_.features & virtio_feature::kRingPacked) != 0; }

    const GuestMemory& memory_;
    FuzzInput& input_;
    QueueSetup setup_;
    Virtqueue queue_;
    std::deque<Chain> held_;
};

inline int fuzz_queue(const std::uint8_t* data, std::size_t size, std::uint64_t ring) {
    static const FuzzMemory memory;
    memory.clear();
    FuzzInput input{data, size};
    QueueFuzz{memory.memory, input, ring}.run();
    return 0;
}

}  // namespace qvm::test
