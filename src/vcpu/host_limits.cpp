// SPDX-License-Identifier: Apache-2.0
#include "vcpu/host_limits.hpp"

#include <linux/capability.h>
#include <sys/resource.h>

#include <charconv>
#include <string_view>

#include "config/numbers.hpp"
#include "config/text_file.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) { return read_text_file(path.string()).text; }

std::optional<std::int64_t> number_of(const fs::path& path) {
    const std::string text = text_of(path);
    std::int64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc{}) return std::nullopt;
    return value;
}

bool has_sys_nice(std::string_view status) noexcept {
    constexpr std::string_view kKey = "\nCapEff:\t";
    const std::size_t at = status.find(kKey);
    if (at == std::string_view::npos) return false;
    status.remove_prefix(at + kKey.size());
    std::uint64_t effective = 0;
    std::from_chars(status.data(), status.data() + status.size(), effective, 16);
    return (effective >> CAP_SYS_NICE & 1) != 0;
}

/// The initial namespace maps all ids onto themselves, user_namespaces(7).
bool in_user_namespace(std::string_view map) {
    std::string squeezed;
    for (const char each : map)
        if (each != ' ' || !squeezed.ends_with(' ')) squeezed += each;
    return !map.empty() && squeezed != " 0 0 4294967295\n";
}

/// The line "4:cpu,cpuacct:/a/b" of /proc/self/cgroup, cgroups(7).
std::optional<std::string> cpu_group(const std::string& groups) {
    for (const Field& line : split(groups, '\n')) {
        const std::vector<Field> parts = split(line.text, ':');
        if (parts.size() < 3) continue;
        for (const Field& controller : split(parts[1].text, ','))
            if (controller.text == "cpu") return std::string{line.text.substr(parts[2].offset)};
    }
    return std::nullopt;
}

void read_group(const fs::path& root, HostLimits& out) {
    const auto group = cpu_group(text_of(root / "proc/self/cgroup"));
    if (!group) return;
    out.group = *group;
    for (const char* mount : {"sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"}) {
        const fs::path folder = root / mount / group->substr(1);
        if (!out.group_runtime_us) out.group_runtime_us = number_of(folder / "cpu.rt_runtime_us");
    }
}

std::uint64_t rtprio_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_RTPRIO, &limit) != 0) return 0;
    return limit.rlim_cur == RLIM_INFINITY ? HostLimits::kUnlimited : limit.rlim_cur;
}

}  // namespace

HostLimits read_host_limits(const fs::path& root) {
    HostLimits out;
    out.sys_nice = has_sys_nice(text_of(root / "proc/self/status"));
    out.user_namespace = in_user_namespace(text_of(root / "proc/self/uid_map"));
    out.rtprio = rtprio_limit();
    read_group(root, out);
    const fs::path kernel = root / "proc/sys/kernel";
    out.rt_runtime_us = number_of(kernel / "sched_rt_runtime_us");
    out.rt_period_us = number_of(kernel / "sched_rt_period_us");
    out.dl_period_max_us = number_of(kernel / "sched_deadline_period_max_us");
    out.dl_period_min_us = number_of(kernel / "sched_deadline_period_min_us");
    return out;
}

}  // namespace qvm
