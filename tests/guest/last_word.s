# SPDX-License-Identifier: Apache-2.0
# Powers off, and says so if the processor runs on. Nothing waits in between.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    say "last word\n"
    mov $PM1_CNT, %edx
    mov $PM1_CNT_SLEEP_S5, %eax
    out %ax, %dx
    say "ran on\n"
    ret
