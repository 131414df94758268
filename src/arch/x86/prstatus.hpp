// SPDX-License-Identifier: Apache-2.0
// The registers of a vCPU as notes of an ELF core: NT_PRSTATUS, which gdb reads, and the note that QEMU adds for
// `crash`, which finds a relocated kernel by its CR3 and IDT. Pure.
// Source: Linux 6.1 include/uapi/linux/elfcore.h and arch/x86/include/uapi/asm/ptrace.h (layout on x86-64);
// QEMU target/i386/arch_dump.c (layout, version 1).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "arch/x86/entry_state.hpp"
#include "vcpu/core_note.hpp"

namespace qvm::x86 {

struct CoreRegisters {
    std::uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0, rsi = 0, rdi = 0, rsp = 0, rbp = 0;
    std::uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
    std::uint64_t rip = 0, rflags = 0;
    Segment cs{}, ds{}, es{}, fs{}, gs{}, ss{}, ldt{}, tr{};
    std::uint64_t gdt_base = 0, idt_base = 0;
    std::uint16_t gdt_limit = 0, idt_limit = 0;
    std::uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0;
    std::uint64_t kernel_gs_base = 0;
};

/// "CORE", NT_PRSTATUS. pr_pid is `number` + 1: a debugger takes 0 for no thread.
[[nodiscard]] CoreNote prstatus_note(const CoreRegisters& registers, unsigned number);

/// "QEMU", type 0.
[[nodiscard]] CoreNote qemu_note(const CoreRegisters& registers);

}  // namespace qvm::x86
