# SPDX-License-Identifier: Apache-2.0
# Writes to every page from 2 MiB to 62 MiB, then stays.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    mov $0x200000, %eax
1:  movl $1, (%eax)
    add $0x1000, %eax
    cmp $0x3e00000, %eax
    jb 1b
    say "touched\n"
2:  jmp 2b
