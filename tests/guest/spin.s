# SPDX-License-Identifier: Apache-2.0
# Never leaves the processor and listens to nobody.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    say "spinning\n"
1:  jmp 1b
