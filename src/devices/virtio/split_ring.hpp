// SPDX-License-Identifier: Apache-2.0
// The device's side of a split virtqueue (virtio 1.2, 2.7).
#pragma once

#include <vector>

#include "devices/virtio/chain_builder.hpp"
#include "devices/virtio/queue_setup.hpp"

namespace qvm {

class SplitRing {
public:
    SplitRing(const GuestMemory& memory, const QueueSetup& setup);

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
    [[nodiscard]] bool fail(QueueFault why) noexcept;
    [[nodiscard]] bool more_available() noexcept;
    [[nodiscard]] QueueFault walk(std::uint16_t head, ChainSlot& slot) noexcept;
    [[nodiscard]] QueueFault walk_table(const Descriptor& table, std::uint32_t left, ChainSlot& slot) noexcept;
    [[nodiscard]] QueueFault judge_table(const Descriptor& table) const noexcept;

    ChainBuilder builder_;
    const std::byte* descriptors_;
    const std::byte* available_;
    std::byte* used_;
    std::uint16_t size_;
    bool event_idx_;
    bool indirect_;
    std::uint16_t next_ = 0;             ///< free-running index of the next entry of the available ring
    std::uint16_t available_index_ = 0;  ///< the driver's, as last read
    std::uint16_t used_index_ = 0;
    std::uint64_t pushed_ = 0;  ///< since interrupt_wanted()
    std::vector<bool> held_;    ///< heads that the device has
    QueueFault fault_;
};

}  // namespace qvm
