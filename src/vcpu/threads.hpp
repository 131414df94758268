// SPDX-License-Identifier: Apache-2.0
// The threads of a running VM as the kernel has them, and those that the kernel made for it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "vcpu/cpu_list.hpp"
#include "vcpu/schedule.hpp"

namespace qvm {

struct FoundThread {
    pid_t tid = 0;
    std::string name{};  ///< the kernel keeps 15 characters of it, of its own threads perhaps more
    bool operator==(const FoundThread&) const = default;
};

/// The threads of `process` in the order of their tids, what the kernel made in it (vhost, KVM's recovery of large
/// pages on newer kernels) included. `proc` stands in for /proc. Empty if there is no such process.
[[nodiscard]] std::vector<FoundThread> threads_of(pid_t process, const std::filesystem::path& proc = "/proc");

/// A thread of that name is the kernel's work for a VM: "vhost-N", "kvm-nx-lpage-recovery-N", "kvm-pit/N", "iou-wrk-N".
[[nodiscard]] bool is_kernel_worker(const std::string& name) noexcept;

/// The kernel's threads that work for `process`: those in it, and those of the kernel itself (children of kthreadd)
/// that have the number of one of its threads behind their name. A kernel that cuts long names off hides whose they
/// are; those are left out. Reads an entry of every process of the host.
[[nodiscard]] std::vector<FoundThread> kernel_workers(pid_t process, const std::filesystem::path& proc = "/proc");

/// One thread, read back.
struct ThreadState {
    FoundThread thread;
    CpuList cpus;
    LinuxSchedule schedule;
    std::uint64_t minor_faults = 0;  ///< page faults since the thread's start that took no I/O
    std::uint64_t major_faults = 0;  ///< those that did
};

/// Fields 10 and 12 of a line of /proc/PID/task/TID/stat, proc(5); both 0 if it is none.
void read_faults(const std::string& stat, ThreadState& out);

/// Of all threads of the calling process and of the kernel's workers. One that ends meanwhile may be missing.
[[nodiscard]] std::vector<ThreadState> read_threads();
/// One line, as in "vcpu/0: tid 12, CPUs 2-3, SCHED_FIFO 50, 120 minor and 0 major page faults".
[[nodiscard]] std::string thread_text(const ThreadState& state);

}  // namespace qvm
