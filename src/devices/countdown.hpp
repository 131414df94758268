// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "devices/vdev.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// A span of time that runs out once, unless it is started anew or stopped before. All but the constructor and the
/// destructor need the lock of the vdev that owns it.
class Countdown {
public:
    /// `due` runs on the loop's thread when the time may be up: it takes the vdev's lock and asks ran_out(). The
    /// countdown must be gone before anything that `due` touches.
    Countdown(VdevContext& context, std::function<void()> due);

    void start(std::chrono::nanoseconds time) noexcept;
    void stop() noexcept;
    /// True once for each start() whose time is up. It need not be `due` that asks: the guest can be quicker than the
    /// loop, and what comes too late is too late.
    [[nodiscard]] bool ran_out() noexcept;

    /// In between no time passes.
    void hold() noexcept;
    void go_on() noexcept;

private:
    void set_timer(std::chrono::nanoseconds time) noexcept;

    const Clock& clock_;
    UniqueFd timer_;
    std::optional<std::chrono::nanoseconds> end_;   ///< on the monotonic clock, while it runs
    std::optional<std::chrono::nanoseconds> held_;  ///< what was left when it was held
    Watch fired_;
};

}  // namespace qvm
