// SPDX-License-Identifier: Apache-2.0
// How a device reaches its driver: what the transports do differently.
#pragma once

#include <cstdint>
#include <mutex>

#include "vmm/irq_line.hpp"

namespace qvm {

/// From any thread. What implements it takes no lock under which it calls the core or the device.
class VirtioInterrupts {
public:
    virtual ~VirtioInterrupts() = default;
    virtual void queue_used(unsigned queue) noexcept = 0;
    virtual void config_changed() noexcept = 0;
    /// An eventfd with the effect of queue_used(); -1 if there is none now.
    [[nodiscard]] virtual int queue_fd(unsigned queue) noexcept = 0;
    /// The device has been reset: nothing is pending any more.
    virtual void reset() noexcept = 0;
};

/// The events that have a bit, and a line that is high while one is set: InterruptStatus (virtio 1.2, 4.2.2) and ISR
/// status (4.1.4.5).
class InterruptStatus {
public:
    static constexpr std::uint8_t kQueue = 1;
    static constexpr std::uint8_t kConfig = 2;

    explicit InterruptStatus(IrqLine& line) noexcept : line_{line} {}

    void raise(std::uint8_t event) noexcept {
        const std::lock_guard lock{mutex_};
        set(static_cast<std::uint8_t>(bits_ | event));
    }
    void acknowledge(std::uint8_t events) noexcept {
        const std::lock_guard lock{mutex_};
        set(static_cast<std::uint8_t>(bits_ & ~events));
    }
    [[nodiscard]] std::uint8_t read() const noexcept {
        const std::lock_guard lock{mutex_};
        return bits_;
    }
    /// Reads and acknowledges what was read.
    [[nodiscard]] std::uint8_t take() noexcept {
        const std::lock_guard lock{mutex_};
        const std::uint8_t taken = bits_;
        set(0);
        return taken;
    }

private:
    void set(std::uint8_t bits) noexcept {
        const bool changes = (bits != 0) != (bits_ != 0);
        bits_ = bits;
        if (changes) line_.set(bits != 0);
    }

    IrqLine& line_;
    mutable std::mutex mutex_;  // guards bits_, and the order in which line_ is driven
    std::uint8_t bits_ = 0;
};

}  // namespace qvm
