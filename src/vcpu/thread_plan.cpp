// SPDX-License-Identifier: Apache-2.0
#include "vcpu/thread_plan.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <iterator>

#include "config/json_text.hpp"
#include "config/settings.hpp"
#include "vcpu/starvation.hpp"

namespace qvm {
namespace {

class Planner {
public:
    Planner(const VmConfig& config, const HostThreads& host, Diagnostics& diagnostics)
        : config_{config}, settings_{settings_of(config)}, host_{host}, diagnostics_{diagnostics} {}

    ThreadPlan run(const std::vector<std::string>& vdev_threads) {
        for (std::size_t i = 0; i < config_.cpus.size(); ++i)
            vcpus_.push_back(thread(fmt::format("vcpu/{}", i), granted(place_of(config_.cpus[i]))));
        ThreadPlan plan;
        plan.main = granted(place_of(settings_.main));
        plan.io = granted(place_of(settings_.io));
        plan.threads = {thread("main", plan.main), thread("io/main", plan.io), thread("log", plan.io)};
        judge("main thread", "main", plan.threads[0]);
        const bool told =
            plan.threads[0].cpus == plan.threads[1].cpus && plan.threads[0].schedule == plan.threads[1].schedule;
        if (!told) judge("io threads", "io", plan.threads[1]);
        for (const std::string& name : vdev_threads) plan.threads.push_back(thread(name, plan.io));
        std::ranges::move(vcpus_, std::back_inserter(plan.threads));
        return plan;
    }

private:
    [[nodiscard]] PlannedThread thread(std::string name, const ThreadPlace& wanted) const {
        return {std::move(name), wanted, wanted.cpus.empty() ? host_.inherited : sorted_cpus(wanted.cpus),
                wanted.schedule.value_or(host_.schedule)};
    }

    /// Without the CPUs that cannot be had.
    ThreadPlace granted(ThreadPlace place) {
        const Refusal refusal = explain_cpus(place.cpus, host_.cpus);
        if (refusal.reason.empty()) return place;
        if (settings_.best_effort_sched) {
            diagnostics_.warning(place.cpus_where, refusal.reason + ": the list has no effect", refusal.hint);
            place.cpus.clear();
        } else {
            diagnostics_.error(place.cpus_where, refusal.reason, refusal.hint);
        }
        return place;
    }

    [[nodiscard]] ThreadPlace place_of(const CpuSpec& cpu) const { return qvm::place_of(cpu); }
    [[nodiscard]] ThreadPlace place_of(const ThreadSetting& setting) const {
        ThreadPlace out{.cpus = setting.runmask, .cpus_where = setting.runmask_where};
        if (setting.sched) {
            out.schedule = linux_schedule(*setting.sched);
            out.sched_where = setting.sched_where;
        } else {
            stay_above(out);
        }
        return out;
    }

    /// The default: one above the vCPUs, at the word of the highest of them.
    void stay_above(ThreadPlace& place) const {
        const PlannedThread* highest = nullptr;
        for (const PlannedThread& vcpu : vcpus_) {
            if (!is_fixed_priority(vcpu.schedule)) continue;
            if (highest == nullptr || vcpu.schedule.priority > highest->schedule.priority) highest = &vcpu;
        }
        if (highest == nullptr || urgency(host_.schedule) > highest->schedule.priority) return;
        place.schedule = LinuxSchedule{SCHED_FIFO, std::min(highest->schedule.priority + 1, kHighestPriority)};
        place.sched_where = word_of(*highest);
        place.above_vcpus = true;
    }

    [[nodiscard]] Location word_of(const PlannedThread& vcpu) const {
        const CpuSpec& cpu = config_.cpus[static_cast<std::size_t>(&vcpu - vcpus_.data())];
        return cpu.sched ? cpu.sched_where : cpu.where;
    }

    void judge(const char* title, const char* variable, const PlannedThread& thread) {
        const auto guilty = who_starves(thread, vcpus_);
        if (guilty.empty()) return;
        std::string names;
        for (const PlannedThread* vcpu : guilty)
            fmt::format_to(std::back_inserter(names), "{}{} at {}", names.empty() ? "" : ", ", vcpu->name,
                           schedule_text(vcpu->schedule));
        diagnostics_.error(word_of(*guilty.front()),
                           fmt::format("{} would starve the {}, {} on {}", names, title, schedule_text(thread.schedule),
                                       cpus_text(thread.cpus)),
                           way_out(thread, title, variable));
        const auto& setting = thread.name == "main" ? settings_.main : settings_.io;
        if (setting.sched) diagnostics_.note(setting.sched_where, fmt::format("the {} has its schedule here", title));
    }

    [[nodiscard]] static std::string way_out(const PlannedThread& thread, const char* title, const char* variable) {
        const int own = thread.schedule.priority;
        std::string out;
        if (own > 1) out += fmt::format("lower the priority below {}, ", own);
        if (own < kHighestPriority) out += fmt::format("raise 'set host-{}-sched', ", variable);
        return out + fmt::format("or give the {} a CPU of its own with 'set host-{}-runmask'", title, variable);
    }

    const VmConfig& config_;
    const Settings settings_;
    const HostThreads& host_;
    Diagnostics& diagnostics_;
    std::vector<PlannedThread> vcpus_;
};

}  // namespace

ThreadPlan make_thread_plan(const VmConfig& config, const HostThreads& host, Diagnostics& diagnostics,
                            const std::vector<std::string>& vdev_threads) {
    return Planner{config, host, diagnostics}.run(vdev_threads);
}

std::chrono::microseconds default_io_poll(const ThreadPlan& plan) noexcept {
    constexpr std::chrono::microseconds kLook{32};
    const auto io = std::ranges::find(plan.threads, "io/main", &PlannedThread::name);
    const bool polls = io != plan.threads.end() && !is_realtime(io->schedule) && io->cpus.size() > 1;
    return polls ? kLook : std::chrono::microseconds{};
}

std::string format_thread_plan(const ThreadPlan& plan) {
    std::size_t name = 0;
    std::size_t cpus = 0;
    for (const PlannedThread& each : plan.threads) {
        name = std::max(name, each.name.size());
        cpus = std::max(cpus, cpus_text(each.cpus).size());
    }
    std::string out = "threads\n";
    for (const PlannedThread& each : plan.threads)
        fmt::format_to(std::back_inserter(out), "  {:<{}}  {:<{}}  {}\n", each.name, name, cpus_text(each.cpus), cpus,
                       schedule_text(each.schedule));
    return out;
}

std::string thread_plan_to_json(const ThreadPlan& plan) {
    const auto thread = [](const PlannedThread& each) {
        JsonObject object;
        object.text("name", each.name)
            .raw("cpus", json_array(each.cpus, [](std::uint32_t cpu) { return std::to_string(cpu); }))
            .text("policy", policy_name(each.schedule.policy))
            .number("priority", static_cast<std::uint64_t>(each.schedule.priority));
        if (each.schedule.policy == SCHED_DEADLINE)
            object.number("runtime_ns", each.schedule.runtime_ns).number("deadline_ns", each.schedule.deadline_ns);
        return object.done();
    };
    return json_array(plan.threads, thread);
}

}  // namespace qvm
