// SPDX-License-Identifier: Apache-2.0
#include "vcpu/refusal.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <cerrno>
#include <system_error>

namespace qvm {
namespace {

constexpr std::int64_t kNsPerUs = 1000;
constexpr const char* kGiveCapability =
    "give the process CAP_SYS_NICE (AmbientCapabilities=CAP_SYS_NICE in a systemd unit, setcap cap_sys_nice+ep)";

class Explainer {
public:
    Explainer(const RefusedSchedule& refused, const HostLimits& limits, const HostCpus& host)
        : refused_{refused}, limits_{limits}, host_{host} {}

    [[nodiscard]] Refusal run() const {
        const bool deadline = refused_.wanted.policy == SCHED_DEADLINE;
        switch (refused_.error) {
            case 0:
                return {"the kernel accepted it, but did something else", ""};
            case EPERM:
                if (!privileged()) return deadline ? no_capability() : no_right();
                return deadline ? deadline_not_permitted() : group_bandwidth();
            case EBUSY:
                return deadline ? no_bandwidth() : other();
            case EINVAL:
                return deadline ? bad_period() : other();
            default:
                return other();
        }
    }

private:
    /// CAP_SYS_NICE is asked for in the initial user namespace.
    [[nodiscard]] bool privileged() const noexcept { return limits_.sys_nice && !limits_.user_namespace; }

    [[nodiscard]] std::string missing_right() const {
        return limits_.sys_nice ? "CAP_SYS_NICE of a user namespace does not count" : "CAP_SYS_NICE is missing";
    }

    [[nodiscard]] Refusal no_capability() const {
        return {missing_right() + ", and no other right allows SCHED_DEADLINE", kGiveCapability};
    }

    [[nodiscard]] Refusal no_right() const {
        const std::string limit =
            limits_.rtprio == HostLimits::kUnlimited ? "unlimited" : std::to_string(limits_.rtprio);
        return {fmt::format("RLIMIT_RTPRIO is {} and {}", limit, missing_right()),
                fmt::format("{}, or raise RLIMIT_RTPRIO to {} (ulimit -r; LimitRTPRIO= in a systemd unit)",
                            kGiveCapability, refused_.wanted.priority)};
    }

    [[nodiscard]] Refusal deadline_not_permitted() const {
        if (limits_.rt_runtime_us == 0) return no_runtime();
        const CpuList left_out = without_cpus(host_.online, refused_.cpus);
        if (!left_out.empty()) return narrow();
        return other();
    }

    [[nodiscard]] Refusal narrow() const {
        return {fmt::format("the thread is bound to {}, and a SCHED_DEADLINE thread must be free to run on all CPUs "
                            "of its root domain",
                            cpus_text(refused_.cpus)),
                "leave out 'runmask' and 'cluster', or make these CPUs a root domain of their own, a cpuset partition "
                "(cpuset.cpus.partition = root), and start qvm in it"};
    }

    [[nodiscard]] static Refusal no_runtime() {
        return {"kernel.sched_rt_runtime_us is 0: real-time threads get no time at all",
                "sysctl kernel.sched_rt_runtime_us=950000 is the kernel's default"};
    }

    [[nodiscard]] Refusal group_bandwidth() const {
        if (limits_.group_runtime_us == 0)
            return {fmt::format("cgroup {} has no real-time bandwidth: its cpu.rt_runtime_us is 0", limits_.group),
                    "write a share of cpu.rt_period_us to cpu.rt_runtime_us of the group and of its parents, or start "
                    "qvm in a group that has one"};
        if (limits_.rt_runtime_us == 0) return no_runtime();
        return {"the process has CAP_SYS_NICE, but its group may have no real-time bandwidth",
                "a kernel with CONFIG_RT_GROUP_SCHED gives it to groups that have cpu.rt_runtime_us (cgroup v1) and, "
                "under cgroup v2, to the root group only; a seccomp filter may refuse it, too"};
    }

    [[nodiscard]] Refusal no_bandwidth() const {
        const std::string limit =
            limits_.rt_runtime_us && limits_.rt_period_us
                ? fmt::format("{} of {} us on each CPU", *limits_.rt_runtime_us, *limits_.rt_period_us)
                : "unknown";
        return {fmt::format("the bandwidth is not left: {} and all other deadline threads of the host together would "
                            "get more than the kernel admits, kernel.sched_rt_runtime_us of kernel.sched_rt_period_us "
                            "({})",
                            priority_text(refused_.wanted), limit),
                "make the budget smaller or the period longer, or raise kernel.sched_rt_runtime_us"};
    }

    [[nodiscard]] Refusal bad_period() const {
        const auto longest = limits_.dl_period_max_us.value_or(0);
        const auto shortest = limits_.dl_period_min_us.value_or(0);
        const auto period = static_cast<std::int64_t>(refused_.wanted.deadline_ns) / kNsPerUs;
        if (longest != 0 && period > longest)
            return {fmt::format("a period of {} us is above kernel.sched_deadline_period_max_us, {}", period, longest),
                    "make period and budget shorter, or raise the limit"};
        if (period < shortest)
            return {fmt::format("a period of {} us is below kernel.sched_deadline_period_min_us, {}", period, shortest),
                    "make the period longer, or lower the limit"};
        return {"the kernel does not take this budget and period",
                "the budget must be at least 1024 ns, and the period within kernel.sched_deadline_period_min_us and "
                "kernel.sched_deadline_period_max_us"};
    }

    [[nodiscard]] Refusal other() const {
        return {std::generic_category().message(refused_.error), "a seccomp filter or a security module may refuse it"};
    }

    const RefusedSchedule& refused_;
    const HostLimits& limits_;
    const HostCpus& host_;
};

}  // namespace

Refusal explain(const RefusedSchedule& refused, const HostLimits& limits, const HostCpus& host) {
    return Explainer{refused, limits, host}.run();
}

Refusal explain_cpus(const CpuList& wanted, const HostCpus& host) {
    const CpuList cpus = sorted_cpus(wanted);
    const auto message = [](const CpuList& bad, const char* what) {
        return fmt::format("host {} {} {}", cpus_text(bad), bad.size() > 1 ? "are" : "is", what);
    };
    const CpuList absent = without_cpus(cpus, host.online);
    if (!absent.empty()) return {message(absent, "not online"), "online: " + cpu_list_text(host.online)};
    const CpuList barred = without_cpus(cpus, host.permitted);
    if (barred.empty()) return {};
    return {message(barred, "not among those that qvm may use"),
            fmt::format("the cpuset of its cgroup has {} (cpuset.cpus; AllowedCPUs= in a systemd unit)",
                        cpu_list_text(host.permitted))};
}

}  // namespace qvm
