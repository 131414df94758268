# SPDX-License-Identifier: Apache-2.0
# The reset register that the FADT names.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    say "resetting\n"
    outb_to RESET_PORT, 1
    call settle
    say "still here\n"
    ret
