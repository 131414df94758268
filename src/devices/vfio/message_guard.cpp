// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/message_guard.hpp"

#include <poll.h>

#include <utility>

namespace qvm {

bool MessageLimit::exceeded(std::chrono::nanoseconds now, std::uint64_t count) noexcept {
    if (now >= end_) {
        end_ = now + std::chrono::seconds{1};
        seen_ = 0;
    }
    seen_ += count >= last_ ? count - last_ : count;
    last_ = count;
    return seen_ > per_second_;
}

void MessageGuard::start(EventLoop& loop) {
    watch_ = loop.watch(timer_.fd(), POLLIN, [this](std::uint32_t) {
        if (!timer_.drain()) return;
        look(std::chrono::steady_clock::now().time_since_epoch());
        timer_.set(kInterval);
    });
    timer_.set(kInterval);
}

void MessageGuard::look(std::chrono::nanoseconds now) noexcept {
    const bool hold = limit_.exceeded(now, device_.messages());
    if (std::exchange(held_, hold) == hold) return;
    interrupts_.hold(hold);
    if (hold) storms_.count();
}

}  // namespace qvm
