# SPDX-License-Identifier: Apache-2.0
# Executes bytes that are no instructions, with no way to take the fault.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    say "garbage\n"
    lidt no_idt
    .byte 0x0f, 0xff, 0xff, 0xf0, 0x0f, 0x0b, 0x62, 0xd6
    say "ran on\n"
    ret

    .section .rodata
no_idt:
    .word 0
    .long 0
