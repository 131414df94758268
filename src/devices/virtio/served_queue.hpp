// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "devices/virtio/virtio_device.hpp"
#include "devices/virtio/virtqueue.hpp"
#include "vmm/event_fd.hpp"
#include "vmm/event_loop.hpp"

namespace qvm {

/// A queue of a started device and its notifications, on the loop's thread.
class ServedQueue {
public:
    /// Runs `kicked` when the driver has notified, and once at the beginning. Throws what Virtqueue throws.
    ServedQueue(EventLoop& loop, const GuestMemory& memory, QueueEnd& end, std::function<void()> kicked)
        : end_{end}, queue_{memory, end.setup()} {
        queue_.disable_notifications();
        kicked_ = loop.watch(end.kick(), [this, run = std::move(kicked)] {
            queue_.disable_notifications();
            run();
        });
        again();
    }
    ServedQueue(const ServedQueue&) = delete;
    ServedQueue& operator=(const ServedQueue&) = delete;
    ~ServedQueue() = default;

    [[nodiscard]] std::uint16_t size() const noexcept { return end_.setup().size; }
    /// The next chain. If there is none, the driver will notify.
    [[nodiscard]] std::optional<Chain> pop() noexcept {
        std::optional<Chain> chain = queue_.pop();
        if (!chain && queue_.enable_notifications()) chain = queue_.pop();
        return chain;
    }
    void push(Chain chain, std::size_t written) noexcept {
        queue_.push(std::move(chain), static_cast<std::uint32_t>(written));
        pushed_ = true;
    }
    /// Tells the driver of what was pushed, if it wants to know.
    void notify() noexcept {
        if (std::exchange(pushed_, false) && queue_.interrupt_wanted()) end_.interrupt();
    }
    /// Others have their turn, and then `kicked` runs again.
    void again() const noexcept { end_.kick().signal(); }

    [[nodiscard]] bool broken() const noexcept { return queue_.broken(); }
    [[nodiscard]] std::string_view fault() const noexcept { return queue_.fault(); }

private:
    QueueEnd& end_;
    Virtqueue queue_;
    bool pushed_ = false;
    Watch kicked_;
};

}  // namespace qvm
