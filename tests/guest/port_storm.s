# SPDX-License-Identifier: Apache-2.0
# As many writes to a port that nobody answers as the command line says, then the end.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    call cmdline_number
    mov %eax, %ecx
    mov $0x2e0, %edx
    test %ecx, %ecx
    jz 2f
1:  out %al, %dx
    dec %ecx
    jnz 1b
2:  jmp triple_fault
