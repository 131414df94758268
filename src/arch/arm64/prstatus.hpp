// SPDX-License-Identifier: Apache-2.0
// The registers of a vCPU as a note of an ELF core: NT_PRSTATUS, which gdb and crash read. Pure.
// Source: Linux 6.1 include/uapi/linux/elfcore.h and arch/arm64/include/uapi/asm/ptrace.h (user_pt_regs).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "vcpu/core_note.hpp"

namespace qvm::arm64 {

struct CoreRegisters {
    std::array<std::uint64_t, 31> x{};
    std::uint64_t sp = 0;  ///< the one in use
    std::uint64_t pc = 0;
    std::uint64_t pstate = 0;
};

/// "CORE", NT_PRSTATUS. pr_pid is `number` + 1: a debugger takes 0 for no thread.
[[nodiscard]] CoreNote prstatus_note(const CoreRegisters& registers, unsigned number);

/// For people; several lines, of which the first is the exception level.
[[nodiscard]] std::string describe(const CoreRegisters& registers);

/// Whether PSTATE says that SP_EL1 is in use, not SP_EL0 (ARM ARM, DDI 0487, C5.2.18 SPSR_EL1.M).
[[nodiscard]] constexpr bool uses_own_stack(std::uint64_t pstate) noexcept { return (pstate & 0xf) == 5; }

}  // namespace qvm::arm64
