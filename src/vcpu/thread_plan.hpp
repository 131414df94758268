// SPDX-License-Identifier: Apache-2.0
// Where every thread of a VM will run and how urgently: known before any of them is there. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/vm_config.hpp"
#include "vcpu/host_threads.hpp"
#include "vcpu/placement.hpp"

namespace qvm {

struct PlannedThread {
    std::string name;        ///< as the kernel shows it; "main" for the first one
    ThreadPlace wanted;      ///< what is to be set
    CpuList cpus;            ///< what it then has
    LinuxSchedule schedule;  ///< what it then has
};

/// main and the io threads, log among them, first; then the vCPUs in file order.
struct ThreadPlan {
    std::vector<PlannedThread> threads;
    ThreadPlace main;
    ThreadPlace io;  ///< also for what the kernel makes for the VM, as to the CPUs
};

/// Without host-main-sched and host-io-sched, main and io threads get SCHED_FIFO one above the highest SCHED_FIFO or
/// SCHED_RR priority among the vCPUs, at most 99; if no vCPU has such a priority they stay as they are.
///
/// Errors: a runmask with CPUs that are not there or not for this process (a warning with `set host-sched
/// best-effort`), and a plan that starves: vCPUs of SCHED_FIFO or SCHED_RR priorities not below that of main, or of io,
/// could keep all CPUs busy that it may run on. SCHED_DEADLINE comes before all other threads anyway; what it leaves of
/// each CPU is for the kernel's admission control.
///
/// `vdev_threads`: names of io threads that vdevs have for themselves.
[[nodiscard]] ThreadPlan make_thread_plan(const VmConfig& config, const HostThreads& host, Diagnostics& diagnostics,
                                          const std::vector<std::string>& vdev_threads = {});

/// For how long io threads look for work before they sleep if the file does not say. Not at all if they are in real
/// time or have one CPU: looking would take it from others.
[[nodiscard]] std::chrono::microseconds default_io_poll(const ThreadPlan& plan) noexcept;

/// A title, then a row per thread: name, CPUs, policy, priority.
[[nodiscard]] std::string format_thread_plan(const ThreadPlan& plan);
/// [{"name", "cpus": [0...], "policy": "SCHED_FIFO"..., "priority"}], for SCHED_DEADLINE with "runtime_ns" and
/// "deadline_ns", which is the period, too.
[[nodiscard]] std::string thread_plan_to_json(const ThreadPlan& plan);

}  // namespace qvm
