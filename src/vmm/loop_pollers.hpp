// SPDX-License-Identifier: Apache-2.0
// Those whom an EventLoop asks by turns whether they have work. On the loop's thread only.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "vmm/event_loop.hpp"
#include "vmm/poll_window.hpp"

namespace qvm {

class LoopPollers {
public:
    /// `most`: see EventLoop.
    explicit LoopPollers(std::chrono::nanoseconds most) noexcept : window_{most} {}

    void attend(IoPoller& poller) noexcept;
    void ignore(IoPoller& poller) noexcept;
    [[nodiscard]] bool empty() const noexcept { return pollers_.empty(); }

    /// One turn for each; whether somebody had work.
    [[nodiscard]] bool poll() noexcept;
    /// There was work of another kind: whoever is polled may get some of it.
    void found_work() noexcept { idle_since_.reset(); }
    /// To be asked while there is no work: whether the thread may sleep now, since everybody rests.
    [[nodiscard]] bool may_rest() noexcept;

private:
    using Clock = std::chrono::steady_clock;

    [[nodiscard]] bool is_worth_waiting() noexcept;
    [[nodiscard]] bool rest() noexcept;
    void sweep() noexcept;

    std::vector<IoPoller*> pollers_;  // null: gone since the turn began
    PollWindow window_;
    std::optional<Clock::time_point> idle_since_;
};

}  // namespace qvm
