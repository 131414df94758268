// SPDX-License-Identifier: Apache-2.0
#include "vcpu/schedule.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>

namespace qvm {
namespace {

constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::uint64_t kLongest = INT64_MAX;  // the kernel refuses bit 63, sched_setattr(2)

std::uint64_t from_ms(std::uint64_t ms) noexcept { return ms > kLongest / kNsPerMs ? kLongest : ms * kNsPerMs; }

std::string duration_text(std::uint64_t ns) {
    if (ns % kNsPerMs == 0) return fmt::format("{} ms", ns / kNsPerMs);
    return fmt::format("{} ns", ns);
}

}  // namespace

LinuxSchedule linux_schedule(const SchedSpec& sched) noexcept {
    if (sched.sporadic) return {SCHED_DEADLINE, 0, from_ms(sched.sporadic->budget), from_ms(sched.sporadic->period)};
    return {sched.policy == SchedSpec::Policy::Fifo ? SCHED_FIFO : SCHED_RR,
            static_cast<int>(std::min<std::uint32_t>(sched.priority, kHighestPriority))};
}

bool is_realtime(const LinuxSchedule& schedule) noexcept {
    return schedule.policy == SCHED_FIFO || schedule.policy == SCHED_RR || schedule.policy == SCHED_DEADLINE;
}

int urgency(const LinuxSchedule& schedule) noexcept {
    if (schedule.policy == SCHED_DEADLINE) return kHighestPriority + 1;
    return is_realtime(schedule) ? schedule.priority : 0;
}

std::string policy_name(int policy) {
    switch (policy) {
        case SCHED_OTHER:
            return "SCHED_OTHER";
        case SCHED_FIFO:
            return "SCHED_FIFO";
        case SCHED_RR:
            return "SCHED_RR";
        case SCHED_BATCH:
            return "SCHED_BATCH";
        case SCHED_IDLE:
            return "SCHED_IDLE";
        case SCHED_DEADLINE:
            return "SCHED_DEADLINE";
        default:
            return fmt::format("policy {}", policy);
    }
}

std::string priority_text(const LinuxSchedule& schedule) {
    if (schedule.policy == SCHED_DEADLINE)
        return fmt::format("{} of {}", duration_text(schedule.runtime_ns), duration_text(schedule.deadline_ns));
    return is_realtime(schedule) ? std::to_string(schedule.priority) : std::string{};
}

std::string schedule_text(const LinuxSchedule& schedule) {
    const std::string priority = priority_text(schedule);
    return policy_name(schedule.policy) + (priority.empty() ? "" : " ") + priority;
}

}  // namespace qvm
