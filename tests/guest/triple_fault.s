# SPDX-License-Identifier: Apache-2.0
# An exception that cannot be taken.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    say "about to fault\n"
    jmp triple_fault
