// SPDX-License-Identifier: Apache-2.0
#include "devices/countdown.hpp"

#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "vmm/error.hpp"

namespace qvm {

using std::chrono::nanoseconds;
using std::chrono::seconds;

Countdown::Countdown(VdevContext& context, std::function<void()> due)
    : clock_{context.clock()}, timer_{check("timerfd", ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))} {
    fired_ = context.loop().watch(timer_.get(), POLLIN, [fd = timer_.get(), due = std::move(due)](std::uint32_t) {
        std::uint64_t times = 0;
        if (::read(fd, &times, sizeof times) == sizeof times) due();
    });
}

void Countdown::start(nanoseconds time) noexcept {
    held_.reset();
    end_ = clock_.monotonic() + time;
    set_timer(std::max(time, nanoseconds{1}));
}

void Countdown::stop() noexcept {
    held_.reset();
    if (std::exchange(end_, std::nullopt)) set_timer(nanoseconds{0});
}

bool Countdown::ran_out() noexcept {
    if (!end_ || clock_.monotonic() < *end_) return false;
    stop();
    return true;
}

void Countdown::hold() noexcept {
    if (!end_) return;
    const nanoseconds left = std::max(*end_ - clock_.monotonic(), nanoseconds{0});
    stop();
    held_ = left;
}

void Countdown::go_on() noexcept {
    if (held_) start(*held_);
}

/// 0 disarms it.
void Countdown::set_timer(nanoseconds time) noexcept {
    itimerspec when{};
    const auto whole = std::chrono::floor<seconds>(time);
    when.it_value.tv_sec = whole.count();
    when.it_value.tv_nsec = (time - whole).count();
    ::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

}  // namespace qvm
