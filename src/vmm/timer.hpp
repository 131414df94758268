// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "vmm/unique_fd.hpp"

namespace qvm {

/// An alarm on the monotonic clock, once (timerfd_create(2)); its descriptor is readable from then on. Functions may be
/// called from any thread.
class Timer {
public:
    /// Throws HostError.
    Timer();

    /// Replaces an alarm that is set. What is not positive is due at once.
    void set(std::chrono::nanoseconds from_now) const noexcept;
    void cancel() const noexcept;
    /// Takes the alarm; true if there was one.
    bool drain() const noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    UniqueFd fd_;
};

}  // namespace qvm
