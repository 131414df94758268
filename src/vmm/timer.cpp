// SPDX-License-Identifier: Apache-2.0
#include "vmm/timer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "vmm/error.hpp"

namespace qvm {

Timer::Timer() : fd_{check("timerfd_create", ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))} {}

void Timer::set(std::chrono::nanoseconds from_now) const noexcept {
    const auto wait = std::max(from_now, std::chrono::nanoseconds{1});  // 0 would cancel
    const auto seconds = std::chrono::floor<std::chrono::seconds>(wait);
    const itimerspec when{{}, {seconds.count(), (wait - seconds).count()}};
    ::timerfd_settime(fd_.get(), 0, &when, nullptr);
}

void Timer::cancel() const noexcept {
    const itimerspec never{};
    ::timerfd_settime(fd_.get(), 0, &never, nullptr);
}

bool Timer::drain() const noexcept {
    std::uint64_t count = 0;
    return ::read(fd_.get(), &count, sizeof count) == sizeof count;
}

}  // namespace qvm
