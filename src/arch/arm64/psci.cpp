// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/psci.hpp"

namespace qvm::arm64 {
namespace {

constexpr std::uint64_t kSmc64 = 1U << 30;  // of a function's number (Arm DEN0028, 2.5)
constexpr std::size_t kInstruction = 4;

}  // namespace

std::variant<BootEntry, PsciError> judge_suspend(const SuspendCall& call, bool alone,
                                                 const GuestMemory& memory) noexcept {
    const std::uint64_t mask = (call.function & kSmc64) != 0 ? UINT64_MAX : UINT32_MAX;
    const BootEntry entry{.pc = call.entry & mask, .x0 = call.context & mask};
    if (!alone) return PsciError::Denied;
    if (entry.pc % kInstruction != 0 || !memory.span(Gpa{entry.pc}, kInstruction)) return PsciError::InvalidAddress;
    return entry;
}

}  // namespace qvm::arm64
