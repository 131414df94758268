# SPDX-License-Identifier: Apache-2.0
# Arms the IB700 watchdog with its shortest time, 2 s, pets it once, and then hangs.
.include "guest.inc"

    .set WDT_ENABLE, 0x443
    .set WDT_TWO_SECONDS, 0xe

    .text
    .code32
    .globl main
main:
    outb_to WDT_ENABLE, WDT_TWO_SECONDS
    outb_to WDT_ENABLE, WDT_TWO_SECONDS
    say "hung\n"
1:  pause
    jmp 1b
