// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace qvm {

/// How much of something may be had per second: what is not had in time is saved, but no more than a burst of it. It
/// begins full. The caller says what time it is.
class TokenBucket {
public:
    static constexpr std::uint64_t kMostRate = 1ULL << 30;

    /// `rate`: 1 to kMostRate. `burst`: 1 to `rate`.
    TokenBucket(std::uint64_t rate, std::uint64_t burst, std::chrono::nanoseconds now) noexcept
        : rate_{rate}, burst_{burst}, tokens_{burst}, counted_{now} {}

    [[nodiscard]] std::uint64_t available(std::chrono::nanoseconds now) noexcept {
        refill(now);
        return tokens_;
    }
    /// Not more than available().
    void take(std::uint64_t tokens) noexcept { tokens_ -= tokens; }
    /// How long it takes to fill.
    [[nodiscard]] std::chrono::nanoseconds time_to_fill() const noexcept { return time_for(burst_ - tokens_); }

private:
    static constexpr std::uint64_t kSecond = 1'000'000'000;

    [[nodiscard]] std::chrono::nanoseconds time_for(std::uint64_t tokens) const noexcept {
        return std::chrono::nanoseconds{(tokens * kSecond + rate_ - 1) / rate_};
    }
    void refill(std::chrono::nanoseconds now) noexcept {
        const auto passed = now - counted_;
        if (passed >= time_to_fill()) {
            tokens_ = burst_;
            counted_ = now;
            return;
        }
        const std::uint64_t more =
            static_cast<std::uint64_t>(std::max<std::int64_t>(passed.count(), 0)) * rate_ / kSecond;
        tokens_ += more;
        counted_ += std::chrono::nanoseconds{more * kSecond / rate_};  // the rest of a token is not lost
    }

    std::uint64_t rate_;
    std::uint64_t burst_;
    std::uint64_t tokens_;
    std::chrono::nanoseconds counted_;  ///< tokens are right as of then
};

}  // namespace qvm
