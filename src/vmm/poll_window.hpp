// SPDX-License-Identifier: Apache-2.0
// How long it is worth looking for work before sleeping.
#pragma once

#include <algorithm>
#include <chrono>

namespace qvm {

/// Grows while work comes soon after one has gone to sleep, shrinks while it does not: an idle guest costs nothing.
class PollWindow {
public:
    using Time = std::chrono::nanoseconds;

    PollWindow() noexcept = default;
    explicit PollWindow(Time most) noexcept : most_{most} {}

    [[nodiscard]] Time length() const noexcept { return length_; }
    /// Whether there will never be a window.
    [[nodiscard]] bool never() const noexcept { return most_ == Time::zero(); }
    /// Work came this long after the last, and one slept for a part of that.
    void learn(Time idle) noexcept {
        if (idle > most_)
            length_ = length_ / 2 < kLeast ? Time::zero() : length_ / 2;
        else
            length_ = std::min(most_, std::max(kLeast, length_ * 2));
    }

private:
    static constexpr Time kLeast{2000};
    Time most_{};
    Time length_{};
};

}  // namespace qvm
