// SPDX-License-Identifier: Apache-2.0
// The thread plan put into effect for what is no vCPU: main, the io threads, and what the kernel made for the VM.
#pragma once

#include "vcpu/thread_plan.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// Places the calling thread, which is main, and every other thread of the process that is neither a vCPU's nor the
/// kernel's: these are io threads. Once all of them are there and have their names. Errors as place_thread().
void place_own_threads(const ThreadPlan& plan, Log* best_effort);

/// Puts the kernel's threads of this VM on the CPUs of the io threads, if the plan names any. Not all of them let
/// themselves be placed: a debug message says which did not.
void place_kernel_workers(const ThreadPlan& plan, Log& log);

/// One message for each thread of the process and each of the kernel's: where it is, and its page faults.
void log_threads(Log& log, Severity severity);

}  // namespace qvm
