// SPDX-License-Identifier: Apache-2.0
// The device's side of a virtqueue, split or packed (virtio 1.2, 2.7 and 2.8). The one implementation for all devices.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "devices/virtio/queue_setup.hpp"
#include "vmm/guest_memory.hpp"

namespace qvm {

struct ChainSlot;

/// A descriptor chain that the driver made available. Whoever has it must give it back by Virtqueue::push(), once; it
/// may be kept for later and given back in any order, but not outlive the queue. Its buffers have been checked: they
/// lie in guest memory, and the writable ones in RAM. The guest may change their contents at any time: copy once, then
/// judge the copy.
class Chain {
public:
    Chain() noexcept = default;
    Chain(Chain&& other) noexcept;
    Chain& operator=(Chain&& other) noexcept;
    Chain(const Chain&) = delete;
    Chain& operator=(const Chain&) = delete;
    ~Chain() = default;

    /// Whether there is one: not after it was moved away or given back.
    [[nodiscard]] explicit operator bool() const noexcept;
    /// Device-readable buffers, in order, as the host sees them.
    [[nodiscard]] std::span<const iovec> readable() const noexcept;
    /// Device-writable buffers, in order.
    [[nodiscard]] std::span<const iovec> writable() const noexcept;
    /// Bytes of all readable buffers; below 2^32.
    [[nodiscard]] std::uint32_t readable_size() const noexcept;
    [[nodiscard]] std::uint32_t writable_size() const noexcept;

    /// Copies bytes from the readable buffers, from byte `offset` on. Returns how many there were.
    std::size_t read(std::size_t offset, std::span<std::byte> out) const noexcept;
    /// Copies bytes into the writable buffers, from byte `offset` on. Returns how many had room.
    std::size_t write(std::size_t offset, std::span<const std::byte> in) const noexcept;

    template <typename T>
    [[nodiscard]] std::optional<T> read(std::size_t offset) const noexcept {
        T value;
        if (read(offset, std::as_writable_bytes(std::span{&value, 1})) != sizeof value) return std::nullopt;
        return value;
    }

private:
    friend class Virtqueue;
    explicit Chain(ChainSlot& slot) noexcept : slot_{&slot} {}
    ChainSlot* slot_ = nullptr;
};

/// Used by one thread at a time. No allocation in steady state. A driver that breaks the rules breaks the queue: from
/// then on pop() has nothing and push() does nothing, and the device reports DEVICE_NEEDS_RESET.
class Virtqueue {
public:
    /// Areas outside of guest memory, misaligned ones or an impossible size make a queue that is broken from the start.
    /// `memory` must outlive the queue. Look at a new queue once without having been notified: what the driver wrote
    /// into the areas before is its own business.
    Virtqueue(const GuestMemory& memory, const QueueSetup& setup);
    Virtqueue(Virtqueue&&) noexcept;
    Virtqueue& operator=(Virtqueue&&) noexcept;
    ~Virtqueue();

    /// The next chain; nothing if there is none, or if the queue is broken.
    [[nodiscard]] std::optional<Chain> pop() noexcept;
    /// Gives a chain back, with the number of bytes written into it. Visible to the driver at once.
    void push(Chain chain, std::uint32_t written) noexcept;
    /// The same, but the driver sees it only together with the next one pushed: for what belongs together.
    void hold(Chain chain, std::uint32_t written) noexcept;
    /// Whether the driver wants to be notified of what was pushed since the last call.
    [[nodiscard]] bool interrupt_wanted() noexcept;

    /// Asks the driver not to notify, while the device looks at the ring by itself anyway.
    void disable_notifications() noexcept;
    /// Asks it to notify again. True if something became available in between: pop() again, no notification will come.
    [[nodiscard]] bool enable_notifications() noexcept;

    [[nodiscard]] bool broken() const noexcept;
    /// Why, in words for the log; empty if it is not.
    [[nodiscard]] std::string_view fault() const noexcept;
    /// Chains popped and not yet pushed.
    [[nodiscard]] std::size_t in_flight() const noexcept;

private:
    class Impl;
    void give_back(Chain chain, std::uint32_t written, bool last) noexcept;
    std::unique_ptr<Impl> impl_;
};

}  // namespace qvm
