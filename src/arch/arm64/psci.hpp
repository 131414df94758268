// SPDX-License-Identifier: Apache-2.0
// What of the Power State Coordination Interface (Arm DEN0022) the kernel leaves to this monitor. Pure.
#pragma once

#include <cstdint>
#include <variant>

#include "arch/arm64/boot.hpp"
#include "vmm/guest_memory.hpp"

namespace qvm::arm64 {

/// What x0 says (DEN0022, 5.2.2).
enum class PsciError : std::int64_t { Denied = -3, InvalidAddress = -9 };

/// SYSTEM_SUSPEND as its caller left it in x0 to x2 (5.19); the function with 32 bits has 32 of each.
struct SuspendCall {
    std::uint64_t function = 0;
    std::uint64_t entry = 0;
    std::uint64_t context = 0;
};

/// Where the vCPU goes on when it wakes up, or why it does not sleep. `alone`: all other vCPUs are off.
[[nodiscard]] std::variant<BootEntry, PsciError> judge_suspend(const SuspendCall& call, bool alone,
                                                               const GuestMemory& memory) noexcept;

}  // namespace qvm::arm64
