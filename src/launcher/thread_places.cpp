// SPDX-License-Identifier: Apache-2.0
#include "launcher/thread_places.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "vcpu/sched_calls.hpp"
#include "vcpu/threads.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

bool has_place(const ThreadPlace& wanted) noexcept { return !wanted.cpus.empty() || wanted.schedule; }

void place_io_threads(const ThreadPlace& wanted, Log* best_effort) {
    for (const FoundThread& each : threads_of(::getpid())) {
        if (each.tid == ::getpid() || each.name.starts_with("vcpu/") || is_kernel_worker(each.name)) continue;
        place_thread(each.tid, "io thread " + each.name, wanted, best_effort);
    }
}

}  // namespace

void place_own_threads(const ThreadPlan& plan, Log* best_effort) {
    if (has_place(plan.io)) place_io_threads(plan.io, best_effort);
    place_thread(0, "main", plan.main, best_effort);
}

void place_kernel_workers(const ThreadPlan& plan, Log& log) {
    if (plan.io.cpus.empty()) return;
    for (const FoundThread& each : kernel_workers(::getpid())) {
        const int error = set_cpus(each.tid, plan.io.cpus);
        if (error != 0)
            log.debug(errno_text(fmt::format("{} ({}) stays on {}", each.name, each.tid, cpus_text(get_cpus(each.tid))),
                                 error));
    }
}

void log_threads(Log& log, Severity severity) {
    if (!log.wants(severity)) return;
    for (const ThreadState& each : read_threads()) log.write(severity, thread_text(each));
}

}  // namespace qvm
