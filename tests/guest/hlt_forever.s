# SPDX-License-Identifier: Apache-2.0
# Halted for good: interrupts are off.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    say "halted\n"
1:  cli
    hlt
    jmp 1b
