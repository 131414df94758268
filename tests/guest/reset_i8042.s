# SPDX-License-Identifier: Apache-2.0
# The keyboard controller's command 0xfe pulses the processor's reset line.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    say "resetting\n"
    mov $100000, %ecx
1:  in $0x64, %al                       # wait until its input buffer is empty; all ones if there is no controller
    test $2, %al
    jz 2f
    dec %ecx
    jnz 1b
    say "no controller\n"
2:  outb_to 0x64, 0xfe
    call settle
    say "still here\n"
    ret
