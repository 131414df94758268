# SPDX-License-Identifier: Apache-2.0
# A model-specific register that no processor has: #GP(0), for reads and for writes.
.include "guest.inc"

.set NO_SUCH_MSR, 0x0badc0de

    .text
    .code32
    .globl main
main:
    set_gate 13, on_general_protection
    mov $NO_SUCH_MSR, %ecx
    movl $1f, resume
    rdmsr
    say "rdmsr passed\n"
1:  movl $1f, resume
    mov $NO_SUCH_MSR, %ecx
    xor %eax, %eax
    xor %edx, %edx
    wrmsr
    say "wrmsr passed\n"
1:  say_value "faults=", count
    ret

on_general_protection:
    incl count
    pop error_code
    say_value "error_code=", error_code
    push %eax
    mov resume, %eax
    mov %eax, 4(%esp)
    pop %eax
    interrupt_return

    .bss
    .balign 4
count: .skip 4
error_code: .skip 4
resume: .skip 4
