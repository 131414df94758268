// SPDX-License-Identifier: Apache-2.0
// `set host-lock-memory`: no page of this process is ever missing. Set-up only. Sizes in bytes.
// Source: mlock(2), getrlimit(2), pthread_setattr_default_np(3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace qvm {

/// What decides whether the kernel lets a process lock memory.
struct LockBudget {
    std::optional<std::uint64_t> limit{};  ///< RLIMIT_MEMLOCK; nothing: none
    bool privileged = false;               ///< CAP_IPC_LOCK, now and later: the limit does not count
    bool loses_privilege = false;          ///< has it now and will not have it as the `user` of the configuration
};

/// The budget of this process, after its soft limit was raised to the hard one. `user_follows`: it becomes another user
/// later.
[[nodiscard]] LockBudget lock_budget(bool user_follows);

/// Why `wanted` bytes cannot be locked and what to do about it; nothing if they can.
[[nodiscard]] std::optional<std::string> lock_refusal(const LockBudget& budget, std::uint64_t wanted);

/// Before the first thread: makes what is locked later small. Each thread would otherwise bring 8 MiB of stack and an
/// arena of malloc with 64 MiB of addresses, and all of that counts against the limit.
void expect_locking();

/// All that is mapped now, `threads` more stacks, and some headroom.
[[nodiscard]] std::uint64_t lock_wanted(unsigned threads);

/// Locks all that is mapped now and all that is mapped later, faulted in at once. Returns the locked size as the kernel
/// reports it. Throws HostError.
std::uint64_t lock_process();

}  // namespace qvm
