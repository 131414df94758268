// SPDX-License-Identifier: Apache-2.0
// A thread's schedule in the kernel's terms, sched(7).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/vm_config.hpp"

namespace qvm {

inline constexpr int kHighestPriority = 99;  ///< of SCHED_FIFO and SCHED_RR

struct LinuxSchedule {
    int policy = 0;                 ///< SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_DEADLINE...
    int priority = 0;               ///< 1 to 99 for SCHED_FIFO and SCHED_RR, else 0
    std::uint64_t runtime_ns = 0;   ///< for SCHED_DEADLINE
    std::uint64_t deadline_ns = 0;  ///< for SCHED_DEADLINE: its period, too
    bool operator==(const LinuxSchedule&) const = default;
};

/// f: SCHED_FIFO; r, o and nothing: SCHED_RR. QNX priorities above 99 become 99. The sporadic form: SCHED_DEADLINE,
/// runtime = budget, period and deadline = period, both taken as milliseconds; its priorities and its number of
/// replenishments have no counterpart. What is longer than the kernel's numbers becomes the longest.
[[nodiscard]] LinuxSchedule linux_schedule(const SchedSpec& sched) noexcept;

/// SCHED_FIFO, SCHED_RR or SCHED_DEADLINE.
[[nodiscard]] bool is_realtime(const LinuxSchedule& schedule) noexcept;
/// 0 for what is not real time, its priority for SCHED_FIFO and SCHED_RR, 100 for SCHED_DEADLINE, which comes before
/// both.
[[nodiscard]] int urgency(const LinuxSchedule& schedule) noexcept;

/// "SCHED_FIFO"; a number for a policy without a name here.
[[nodiscard]] std::string policy_name(int policy);
/// Behind the policy's name: "50", "30 ms of 100 ms", or nothing.
[[nodiscard]] std::string priority_text(const LinuxSchedule& schedule);
/// Both.
[[nodiscard]] std::string schedule_text(const LinuxSchedule& schedule);

}  // namespace qvm
