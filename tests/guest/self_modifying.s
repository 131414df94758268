# SPDX-License-Identifier: Apache-2.0
# Rewrites the next instruction a thousand times and adds up what that one then loads.
.include "guest.inc"

.set ROUNDS, 1000

    .text
    .code32
    .globl main
main:
    mov $ROUNDS, %ecx
    xor %ebx, %ebx
1:  incb patched + 1
patched:
    mov $0, %al
    movzbl %al, %eax
    add %eax, %ebx
    dec %ecx
    jnz 1b
    say_value "sum=", %ebx
    ret
