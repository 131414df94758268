// SPDX-License-Identifier: Apache-2.0
// The device's side of a packed virtqueue (virtio 1.2, 2.8).
#pragma once

#include "devices/virtio/chain_builder.hpp"
#include "devices/virtio/queue_setup.hpp"

namespace qvm {

class PackedRing {
public:
    PackedRing(const GuestMemory& memory, const QueueSetup& setup) noexcept;

    /// False if there is none, or after a fault.
    [[nodiscard]] bool pop(ChainSlot& slot) noexcept;
    /// The driver sees nothing of it before publish().
    void push(const ChainSlot& slot, std::uint32_t written) noexcept;
    void publish() noexcept;
    [[nodiscard]] bool interrupt_wanted() noexcept;
    void disable_notifications() noexcept;
    [[nodiscard]] bool enable_notifications() noexcept;
    [[nodiscard]] QueueFault fault() const noexcept { return fault_; }

private:
    struct Descriptor;
    /// A place in the ring with the wrap counter that belongs to it (virtio 1.2, 2.8.1).
    struct Position {
        std::uint16_t index = 0;
        bool wrap = true;
        void advance(std::uint32_t steps, std::uint16_t size) noexcept;
        /// Counts on through two rounds of the ring, after which counter and index are as before.
        [[nodiscard]] std::uint32_t serial(std::uint16_t size) const noexcept { return wrap ? index : size + index; }
    };
    [[nodiscard]] bool fail(QueueFault why) noexcept;
    [[nodiscard]] bool available() const noexcept;
    [[nodiscard]] QueueFault take(ChainSlot& slot) noexcept;
    [[nodiscard]] QueueFault take_table(const Descriptor& table, ChainSlot& slot) noexcept;
    [[nodiscard]] bool reached(std::uint16_t event, std::uint64_t moved) const noexcept;

    ChainBuilder builder_;
    std::byte* descriptors_;
    const std::byte* driver_event_;
    std::byte* device_event_;
    std::uint16_t size_;
    bool event_idx_;
    bool indirect_;
    Position next_;                     ///< of the next descriptor to become available
    Position used_;                     ///< where the next used descriptor is written
    std::uint32_t outstanding_ = 0;     ///< descriptors of the chains that the device has
    std::uint64_t moved_ = 0;           ///< descriptors used since interrupt_wanted()
    std::byte* first_flags_ = nullptr;  ///< of the first used descriptor since publish(): what hides all of them
    std::uint16_t first_value_ = 0;     ///< what they become
    QueueFault fault_;
};

}  // namespace qvm
