// SPDX-License-Identifier: Apache-2.0
#include "devices/host/one_shot.hpp"

#include <utility>

namespace qvm {

OneShot::~OneShot() {
    // Shared, because the waiter may be gone before set_value() returns.
    const auto gone = std::make_shared<std::promise<void>>();
    auto finished = gone->get_future();
    loop_.post([this, gone] {
        if (current_.kind == Kind::None) return gone->set_value();
        gone_ = gone;
        cancel();
    });
    finished.wait();
}

void OneShot::after(std::chrono::milliseconds time) noexcept {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    const std::chrono::nanoseconds rest = time - seconds;
    ask({Kind::Timeout, -1, 0, {.tv_sec = seconds.count(), .tv_nsec = rest.count()}});
}

void OneShot::cancel() noexcept {
    next_ = {};
    if (current_.kind == Kind::None || std::exchange(cancelled_, true)) return;
    loop_.cancel(*this);
}

void OneShot::ask(const Wish& wish) noexcept {
    if (current_.kind == Kind::None)
        begin(wish);
    else if (cancelled_ && next_.kind == Kind::None)
        next_ = wish;
}

void OneShot::begin(const Wish& wish) noexcept {
    current_ = wish;
    loop_.submit(*this, [this](io_uring_sqe* entry) {
        if (current_.kind == Kind::Poll)
            ::io_uring_prep_poll_add(entry, current_.fd, current_.events);
        else if (current_.kind == Kind::Timeout)
            ::io_uring_prep_timeout(entry, &current_.time, 0, 0);
        else
            ::io_uring_prep_nop(entry);
    });
}

void OneShot::done(int /*result*/) noexcept {
    current_ = {};
    const bool cancelled = std::exchange(cancelled_, false);
    if (const auto gone = gone_) return gone->set_value();
    if (!cancelled) return ready_();
    const Wish wish = std::exchange(next_, {});
    if (wish.kind != Kind::None) begin(wish);
}

}  // namespace qvm
