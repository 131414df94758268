// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "devices/virtio/interrupts.hpp"
#include "devices/virtio/registers.hpp"
#include "devices/virtio/virtio_device.hpp"

namespace qvm {

/// The device's view of one queue, fixed from start to stop.
class QueuePort final : public QueueEnd {
public:
    /// Interrupts pass while `live`.
    QueuePort(unsigned index, VirtioInterrupts& interrupts, const std::atomic<bool>& live)
        : index_{index}, interrupts_{interrupts}, live_{live} {}

    /// While the device is stopped.
    void take(const VirtioRegisters::Queue& queue, std::uint64_t features) noexcept {
        setup_ = queue.setup;
        setup_.features = features;
        enabled_ = queue.ready;
    }

    [[nodiscard]] bool enabled() const noexcept override { return enabled_; }
    [[nodiscard]] const QueueSetup& setup() const noexcept override { return setup_; }
    [[nodiscard]] const EventFd& kick() const noexcept override { return kick_; }
    void interrupt() noexcept override {
        if (live_.load(std::memory_order_acquire)) interrupts_.queue_used(index_);
    }
    [[nodiscard]] int interrupt_fd() noexcept override { return interrupts_.queue_fd(index_); }

private:
    const unsigned index_;
    VirtioInterrupts& interrupts_;
    const std::atomic<bool>& live_;
    const EventFd kick_{};
    QueueSetup setup_{};
    bool enabled_ = false;
};

}  // namespace qvm
