# SPDX-License-Identifier: Apache-2.0
# Asks for what no board has: a port, an address, a register, and an instruction that can be executed on memory only.
.include "guest.inc"

.set NO_SUCH_PORT, 0x80
.set NO_SUCH_ADDRESS, 0xd0000000
.set NO_SUCH_MSR, 0x0badc0de

    .text
    .code32
    .globl main
main:
    set_gate 6, on_invalid_opcode
    set_gate 13, on_general_protection

    movl $1f, resume
    mov $NO_SUCH_PORT, %edx
    xor %eax, %eax
    in %dx, %al
    nop
1:  say_value "port=", %eax
    say_value "faults_after_port=", protection_faults

    movl $1f, resume
    xor %eax, %eax
    movl NO_SUCH_ADDRESS, %eax
    nop
1:  say_value "memory=", %eax
    say_value "faults_after_memory=", protection_faults

    movl $1f, resume
    mov $NO_SUCH_MSR, %ecx
    mov $0x55, %eax
    rdmsr
    nop
1:  say_value "register=", %eax
    say_value "faults_after_register=", protection_faults

    # Its operand is no memory, so KVM would have to do it itself; it has no MMX arithmetic.
    movl $1f, resume
    paddb NO_SUCH_ADDRESS, %mm0
    nop
1:  say_value "invalid_opcodes=", invalid_opcodes
    ret

on_general_protection:
    add $4, %esp                        # the error code
    incl protection_faults
    jmp back
on_invalid_opcode:
    incl invalid_opcodes
back:
    push %eax
    mov resume, %eax
    mov %eax, 4(%esp)
    pop %eax
    interrupt_return

    .bss
    .balign 4
protection_faults: .skip 4
invalid_opcodes: .skip 4
resume: .skip 4
