// SPDX-License-Identifier: Apache-2.0
#include "ops/vm_facts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <charconv>
#include <fstream>

#include "config/json_text.hpp"
#include "ops/directory.hpp"

namespace qvm {
namespace {

constexpr const char* kTasks = "/proc/self/task";

std::string text_or_null(std::string_view text) { return text.empty() ? "null" : json_string(text); }

std::string policy_name(int policy) {
    switch (policy & ~SCHED_RESET_ON_FORK) {
        case SCHED_OTHER:
            return "other";
        case SCHED_FIFO:
            return "fifo";
        case SCHED_RR:
            return "rr";
        case SCHED_BATCH:
            return "batch";
        case SCHED_IDLE:
            return "idle";
        case 6:  // SCHED_DEADLINE, which <sched.h> leaves to the kernel's headers
            return "deadline";
        default:
            return fmt::format("{}", policy);
    }
}

std::vector<unsigned> cpus_of(pid_t tid) {
    cpu_set_t set{};
    std::vector<unsigned> cpus;
    if (::sched_getaffinity(tid, sizeof set, &set) != 0) return cpus;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    return cpus;
}

std::optional<ThreadFacts> thread_facts(pid_t tid) {
    ThreadFacts thread{.tid = tid};
    const int policy = ::sched_getscheduler(tid);
    sched_param parameters{};
    if (policy < 0 || ::sched_getparam(tid, &parameters) != 0) return std::nullopt;
    if (!std::getline(std::ifstream{fmt::format("{}/{}/comm", kTasks, tid)}, thread.name)) return std::nullopt;
    thread.policy = policy_name(policy);
    thread.priority = parameters.sched_priority;
    thread.cpus = cpu_list(cpus_of(tid));
    return thread;
}

std::string thread_to_json(const ThreadFacts& thread) {
    return JsonObject{}
        .text("name", thread.name)
        .number("tid", static_cast<std::uint64_t>(thread.tid))
        .text("policy", thread.policy)
        .number("priority", static_cast<std::uint64_t>(thread.priority))
        .text("cpus", thread.cpus)
        .done();
}

std::string terminal_to_json(const PseudoTerminalFacts& terminal) {
    return JsonObject{}.text("vdev", terminal.vdev).text("path", terminal.path).done();
}

}  // namespace

std::string utc_text(WallTime time) {
    namespace chrono = std::chrono;
    const auto days = chrono::floor<chrono::days>(time);
    const chrono::year_month_day date{chrono::sys_days{days}};
    const chrono::hh_mm_ss clock{chrono::floor<chrono::milliseconds>(time - days)};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::vector<ThreadFacts> threads_of_this_process() {
    std::vector<ThreadFacts> all;
    const UniqueFd tasks = open_directory(AT_FDCWD, kTasks);
    if (!tasks) return all;
    for_each_entry(tasks.get(), [&all](const std::string& name) {
        pid_t tid = 0;
        std::from_chars(name.data(), name.data() + name.size(), tid);
        if (auto thread = thread_facts(tid)) all.push_back(std::move(*thread));
    });
    return all;
}

std::string cpu_list(const std::vector<unsigned>& cpus) {
    std::string out;
    for (std::size_t first = 0; first < cpus.size();) {
        std::size_t last = first;
        while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
        out += fmt::format("{}{}", out.empty() ? "" : ",", cpus[first]);
        if (last != first) out += fmt::format("-{}", cpus[last]);
        first = last + 1;
    }
    return out;
}

std::string env_to_json(const EnvFacts& facts) {
    return JsonObject{}
        .number("format", 1)
        .raw("system", text_or_null(facts.system))
        .number("pid", static_cast<std::uint64_t>(::getpid()))
        .text("version", facts.version)
        .text("start", utc_text(facts.start))
        .raw("threads", json_array(facts.threads, thread_to_json))
        .raw("plan", facts.plan)
        .raw("map", facts.map)
        .raw("pseudo_terminals", json_array(facts.pseudo_terminals, terminal_to_json))
        .done();
}

std::string_view phase_name(Phase phase) noexcept {
    switch (phase) {
        case Phase::Building:
            return "building";
        case Phase::Running:
            return "running";
        case Phase::Suspended:
            return "suspended";
        case Phase::Stopping:
            return "stopping";
        case Phase::Ended:
            return "ended";
    }
    return "unknown";
}

std::string status_to_json(const StatusFacts& facts) {
    const EndFacts* const end = facts.cause ? &facts_of(*facts.cause) : nullptr;
    return JsonObject{}
        .number("format", 1)
        .raw("system", text_or_null(facts.system))
        .number("pid", static_cast<std::uint64_t>(::getpid()))
        .text("phase", phase_name(facts.phase))
        .text("since", utc_text(facts.since))
        .raw("exit_cause", end != nullptr ? json_string(end->name) : "null")
        .raw("exit_code", end != nullptr ? std::to_string(end->exit_code) : "null")
        .done();
}

}  // namespace qvm
