// SPDX-License-Identifier: Apache-2.0
#include "vmm/lock_memory.hpp"

#include <fmt/format.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>

#include "vmm/error.hpp"
#include "vmm/host_memory.hpp"
#include "vmm/units.hpp"

namespace qvm {
namespace {

constexpr const char* kStatus = "/proc/self/status";
constexpr unsigned kCapIpcLock = 14;
constexpr std::size_t kStack = kMiB;
/// For what is mapped while the VM runs: buffers, the queue of the log, a command's start.
constexpr std::uint64_t kHeadroom = 16 * kMiB;

bool may_lock_anything() {
    const auto effective = proc_field(kStatus, "CapEff");
    return effective && (std::stoull(*effective, nullptr, 16) >> kCapIpcLock & 1U) != 0;
}

}  // namespace

LockBudget lock_budget(bool user_follows) {
    rlimit limit{};
    ::getrlimit(RLIMIT_MEMLOCK, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_MEMLOCK, &limit);
    const bool now = may_lock_anything();
    LockBudget budget{.limit = {}, .privileged = now && !user_follows, .loses_privilege = now && user_follows};
    if (limit.rlim_cur != RLIM_INFINITY) budget.limit = limit.rlim_cur;
    return budget;
}

std::optional<std::string> lock_refusal(const LockBudget& budget, std::uint64_t wanted) {
    if (budget.privileged || !budget.limit || *budget.limit >= wanted) return std::nullopt;
    return fmt::format(
        "host-lock-memory: {} are to be locked, RLIMIT_MEMLOCK allows {}{}\n  raise the limit (LimitMEMLOCK=infinity "
        "in "
        "a systemd unit, 'memlock' in limits.conf, ulimit -l){}",
        size_text(wanted), size_text(*budget.limit),
        budget.loses_privilege ? " to the user that qvm becomes" : " and there is no CAP_IPC_LOCK",
        budget.loses_privilege ? "" : " or give qvm CAP_IPC_LOCK");
}

void expect_locking() {
    pthread_attr_t attributes{};
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, kStack);
    const int failed = ::pthread_setattr_default_np(&attributes);
    ::pthread_attr_destroy(&attributes);
    if (failed != 0) throw HostError{errno_text("pthread_setattr_default_np", failed)};
    ::mallopt(M_ARENA_MAX, 1);
}

std::uint64_t lock_wanted(unsigned threads) {
    return proc_size(kStatus, "VmSize").value_or(0) + threads * kStack + kHeadroom;
}

std::uint64_t lock_process() {
    // Not MCL_ONFAULT: it would lock a page of a stack or of the heap only once it was touched, so that a vCPU thread
    // still took that fault, at whatever moment. Populating also breaks the sharing that an earlier fork() left.
    if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        throw HostError{errno_text("host-lock-memory: mlockall (see RLIMIT_MEMLOCK and CAP_IPC_LOCK)", errno)};
    return proc_size(kStatus, "VmLck").value_or(0);
}

}  // namespace qvm
