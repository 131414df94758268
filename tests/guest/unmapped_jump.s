# SPDX-License-Identifier: Apache-2.0
# Jumps to where no memory is, with no way to take the fault.
.include "guest.inc"

.set NO_SUCH_ADDRESS, 0xd0000000

    .text
    .code32
    .globl main
main:
    say "jumping\n"
    lidt no_idt
    mov $NO_SUCH_ADDRESS, %eax
    jmp *%eax

    .section .rodata
no_idt:
    .word 0
    .long 0
