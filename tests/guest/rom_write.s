# SPDX-License-Identifier: Apache-2.0
# Writes to read-only memory are lost, and the guest goes on. The command line says where it is, in decimal.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    call cmdline_number
    mov %eax, %edi
    mov (%edi), %ebx
    say_value "before=", %ebx
    mov %ebx, %eax
    not %eax
    mov %al, (%edi)
    mov %ax, (%edi)
    mov %eax, (%edi)
    mov $4, %ecx
    push %edi
    rep stosl
    pop %edi
    say_value "after=", (%edi)
    cmp (%edi), %ebx
    jne 1f
    say "unchanged\n"
1:  ret
