// SPDX-License-Identifier: Apache-2.0
#include "devices/host/late_end.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>

#include "devices/host/run_on_loop.hpp"
#include "vmm/error.hpp"

namespace qvm {

namespace {

using namespace std::chrono_literals;

constexpr auto kFirstPause = 20ms;
constexpr auto kLongestPause = 1000ms;
constexpr std::uint64_t kForever = 1'000'000'000;  // seconds; more would overflow

void set_timer(int timer, std::chrono::nanoseconds time) noexcept {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const std::int64_t count = std::max<std::int64_t>(time.count(), 1);
    itimerspec when{};
    when.it_value.tv_sec = count / kSecond;
    when.it_value.tv_nsec = count % kSecond;
    ::timerfd_settime(timer, 0, &when, nullptr);
}

[[nodiscard]] std::string text_of(Delay patience) {
    return patience.seconds ? fmt::format("for {} s", *patience.seconds) : "until it works";
}

}  // namespace

LateEnd::LateEnd(Log& log, std::string name, Delay patience, bool reads, Open open)
    : log_{log},
      name_{std::move(name)},
      patience_{patience},
      reads_{reads},
      open_{std::move(open)},
      timer_{check("timerfd", ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))} {
    if (patience_.seconds && *patience_.seconds > kForever) patience_.seconds.reset();
}

void LateEnd::start(EventLoop& loop, Changed changed) {
    loop_ = &loop;
    changed_ = std::move(changed);
    run_on_loop(loop, [this] {
        use_ = loop_->watch(used_.fd(), POLLIN, [this](std::uint32_t) {
            use_ = Watch{};
            begin();
        });
    });
}

void LateEnd::stop() {
    if (loop_ == nullptr) return;
    run_on_loop(*loop_, [this] {
        use_ = Watch{};
        due_ = Watch{};
        connection_.reset();
    });
}

void LateEnd::use() noexcept {
    if (!was_used_.load(std::memory_order_relaxed) && !was_used_.exchange(true)) used_.signal();
}

void LateEnd::input_ended() {
    if (connection_) connection_->input_ended();
}

void LateEnd::output_lost() {
    if (connection_) connection_->output_lost();
}

void LateEnd::begin() {
    since_ = Clock::now();
    pause_ = kFirstPause;
    try_to_open();
}

void LateEnd::try_to_open() {
    try {
        opened_ = open_();
    } catch (const HostError& error) {
        return try_later(error.what());
    }
    if (std::exchange(waits_, false)) log_.info(fmt::format("{}: is open now", name_));
    due_ = Watch{};
    if (opened_.connection)
        connection_.emplace(*loop_, opened_.stream, reads_, Connection::Events{.over = [this] { connection_over(); }});
    changed_(opened_.stream);
}

void LateEnd::connection_over() {
    connection_.reset();
    opened_ = {};
    changed_(nullptr);
    since_ = Clock::now();
    pause_ = kLongestPause;
    try_later("the connection has ended");
}

void LateEnd::try_later(const std::string& why) {
    const auto passed = Clock::now() - since_;
    if (patience_.seconds && passed >= std::chrono::seconds{*patience_.seconds}) {
        due_ = Watch{};
        return log_.error(fmt::format("{}: {}; it is given up", name_, why));
    }
    if (!std::exchange(waits_, true)) {
        log_.info(fmt::format("{}: {}; it is tried again {}", name_, why, text_of(patience_)));
        due_ = loop_->watch(timer_.get(), POLLIN, [this](std::uint32_t) {
            std::uint64_t times = 0;
            if (::read(timer_.get(), &times, sizeof times) == sizeof times) try_to_open();
        });
    }
    Clock::duration wait = pause_;
    if (patience_.seconds) wait = std::min<Clock::duration>(wait, std::chrono::seconds{*patience_.seconds} - passed);
    set_timer(timer_.get(), wait);
    pause_ = std::min<Clock::duration>(2 * pause_, kLongestPause);
}

}  // namespace qvm
