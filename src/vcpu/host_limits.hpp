// SPDX-License-Identifier: Apache-2.0
// What of the host decides whether a thread may have a schedule.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>

namespace qvm {

struct HostLimits {
    static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

    bool sys_nice = false;        ///< CAP_SYS_NICE is in the effective set
    bool user_namespace = false;  ///< not the initial one: its capabilities do not count for schedules
    std::uint64_t rtprio = 0;     ///< RLIMIT_RTPRIO, getrlimit(2)
    std::string group{};          ///< the process's cgroup of the v1 cpu controller; empty: there is none
    std::optional<std::int64_t> group_runtime_us{};  ///< its cpu.rt_runtime_us
    std::optional<std::int64_t> rt_runtime_us{};     ///< kernel.sched_rt_runtime_us; -1: no limit
    std::optional<std::int64_t> rt_period_us{};      ///< kernel.sched_rt_period_us
    std::optional<std::int64_t> dl_period_max_us{};  ///< kernel.sched_deadline_period_max_us
    std::optional<std::int64_t> dl_period_min_us{};  ///< kernel.sched_deadline_period_min_us
};

/// Of the calling process; what cannot be read stays as above. `root` stands in for `/`.
[[nodiscard]] HostLimits read_host_limits(const std::filesystem::path& root = "/");

}  // namespace qvm
