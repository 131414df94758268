// SPDX-License-Identifier: Apache-2.0
#include "vcpu/placement.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "vcpu/host_threads.hpp"
#include "vcpu/refusal.hpp"
#include "vcpu/sched_calls.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr const char* kBestEffort = "; 'set host-sched best-effort' starts without";

class Placer {
public:
    Placer(pid_t tid, const std::string& name, Log* best_effort) : tid_{tid}, name_{name}, best_effort_{best_effort} {}

    void bind(const CpuList& wanted, const Location& where) const {
        const CpuList cpus = sorted_cpus(wanted);
        const CpuList before = get_cpus(tid_);
        const int error = set_cpus(tid_, cpus);
        if (error == ESRCH || (error == 0 && get_cpus(tid_) == cpus)) return;
        // A part of them is not what was asked for.
        if (error == 0 && best_effort_ != nullptr) (void)set_cpus(tid_, before);
        Refusal refusal = explain_cpus(cpus, host_cpus());
        if (refusal.reason.empty())
            refusal = {
                error == 0 ? "the kernel accepted it, but did something else" : errno_text("sched_setaffinity", error),
                ""};
        refuse(where, fmt::format("{} cannot be on {}", name_, cpus_text(cpus)), refusal);
    }

    void schedule(const LinuxSchedule& wanted, const Location& where, const char* purpose) const {
        const int error = set_schedule(tid_, wanted);
        if (error == ESRCH || (error == 0 && get_schedule(tid_) == wanted)) return;
        refuse(where, fmt::format("{} cannot have {}{}", name_, schedule_text(wanted), purpose),
               explain({wanted, error, get_cpus(tid_)}, read_host_limits(), host_cpus()));
    }

private:
    void refuse(const Location& where, const std::string& what, const Refusal& why) const {
        const std::string text = what + ": " + why.reason;
        if (best_effort_ == nullptr)
            throw ConfigError{where, text,
                              why.hint.empty() ? std::string{kBestEffort}.substr(2) : why.hint + kBestEffort};
        best_effort_->warn(text + "; it stays as it is");
    }

    pid_t tid_;
    const std::string& name_;
    Log* best_effort_;
};

}  // namespace

ThreadPlace place_of(const CpuSpec& cpu) {
    ThreadPlace out{.cpus = cpu.runmask, .cpus_where = cpu.runmask_where, .sched_where = cpu.sched_where};
    if (cpu.sched) out.schedule = linux_schedule(*cpu.sched);
    return out;
}

void place_thread(pid_t tid, const std::string& name, const ThreadPlace& wanted, Log* best_effort) {
    const Placer placer{tid, name, best_effort};
    if (!wanted.cpus.empty()) placer.bind(wanted.cpus, wanted.cpus_where);
    if (wanted.schedule)
        placer.schedule(*wanted.schedule, wanted.sched_where,
                        wanted.above_vcpus ? ", without which this vCPU could starve it" : "");
}

}  // namespace qvm
