// SPDX-License-Identifier: Apache-2.0
// A limit for the messages (MSI, MSI-X) of a passed function. They go from the device to the guest within the kernel,
// which nobody here sees: the guard looks at the host's count of them now and then, and once there were too many within
// a second, holds the rest of that second back.
#pragma once

#include <chrono>
#include <cstdint>

#include "devices/vfio/passed_interrupts.hpp"
#include "devices/vfio/vfio_device.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/log.hpp"
#include "vmm/timer.hpp"

namespace qvm {

/// Whether there were more than so many within a second.
class MessageLimit {
public:
    explicit MessageLimit(std::uint64_t per_second) noexcept : per_second_{per_second} {}
    /// `count` is the sum so far, or since it began anew; `now` on the monotonic clock. True until the second is over.
    [[nodiscard]] bool exceeded(std::chrono::nanoseconds now, std::uint64_t count) noexcept;

private:
    const std::uint64_t per_second_;
    std::chrono::nanoseconds end_{};  ///< of the second that is counted
    std::uint64_t last_ = 0;
    std::uint64_t seen_ = 0;  ///< in that second
};

class MessageGuard {
public:
    /// How long a storm can go on before it is seen.
    static constexpr std::chrono::milliseconds kInterval{100};

    /// `storms` counts the seconds with too many. All must outlive it.
    MessageGuard(VfioDevice& device, PassedInterrupts& interrupts, GuestFault& storms,
                 std::uint64_t per_second) noexcept
        : device_{device}, interrupts_{interrupts}, storms_{storms}, limit_{per_second} {}

    /// Looks each kInterval, on the loop's thread.
    void start(EventLoop& loop);
    /// Looks once. On one thread at a time.
    void look(std::chrono::nanoseconds now) noexcept;

private:
    VfioDevice& device_;
    PassedInterrupts& interrupts_;
    GuestFault& storms_;
    MessageLimit limit_;
    bool held_ = false;
    Timer timer_;
    Watch watch_;
};

}  // namespace qvm
