# SPDX-License-Identifier: Apache-2.0
# The shortest guest there is: a triple fault at its first instructions. It ends the same way on any board.
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long _start

    .text
    .code32
    .globl _start
_start:
    lidt no_idt
    ud2
no_idt:
    .word 0
    .long 0
