// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace qvm {

/// Time as devices see it. Both functions may be called from any thread.
class Clock {
public:
    virtual ~Clock() = default;
    /// Time that never jumps; its zero has no meaning.
    [[nodiscard]] virtual std::chrono::nanoseconds monotonic() const noexcept = 0;
    /// Time since 1970-01-01 00:00:00 UTC.
    [[nodiscard]] virtual std::chrono::nanoseconds realtime() const noexcept = 0;
};

/// The host's clocks.
class HostClock final : public Clock {
public:
    [[nodiscard]] std::chrono::nanoseconds monotonic() const noexcept override {
        return std::chrono::steady_clock::now().time_since_epoch();
    }
    [[nodiscard]] std::chrono::nanoseconds realtime() const noexcept override {
        return std::chrono::system_clock::now().time_since_epoch();
    }
};

}  // namespace qvm
