# SPDX-License-Identifier: Apache-2.0
# A write to ROM is lost; what was there stays.
.include "guest.inc"

    .text
    .globl main
main:
    stp x29, x30, [sp, #-16]!
    ldr x1, =0x90000000
    ldr x2, [x1]
    say_value "before=", x2
    str xzr, [x1]
    ldr x2, [x1]
    say_value "after=", x2
    ldp x29, x30, [sp], #16
    ret
