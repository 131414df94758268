# SPDX-License-Identifier: Apache-2.0
# Port accesses of every width, and string I/O.
.include "guest.inc"

    .text
    .code32
    .globl main
main:
    call scratch_by_width
    call unclaimed
    call strings
    ret

# The scratch register is the UART's last byte: wider accesses that end there reach it with their highest byte.
scratch_by_width:
    mov $COM1_SCRATCH, %edx
    mov $0x5a, %al
    out %al, %dx
    xor %eax, %eax
    in %dx, %al
    say_value "byte=", %eax

    mov $COM1_SCRATCH - 1, %edx
    mov $0xa700, %eax
    out %ax, %dx
    xor %eax, %eax
    in %dx, %ax
    shr $8, %eax
    say_value "word=", %eax
    mov $COM1_SCRATCH, %edx
    xor %eax, %eax
    in %dx, %al
    say_value "word_then_byte=", %eax

    mov $COM1_SCRATCH - 3, %edx         # MCR, LSR, MSR, SCR
    mov $0x3c00000b, %eax
    out %eax, %dx
    in %dx, %eax
    shr $24, %eax
    say_value "dword=", %eax
    mov $COM1_SCRATCH, %edx
    xor %eax, %eax
    in %dx, %al
    say_value "dword_then_byte=", %eax
    ret

unclaimed:
    mov $0x2e0, %edx
    xor %eax, %eax
    out %eax, %dx                       # lost, and no harm
    in %dx, %al
    say_value "unclaimed_byte=", %eax
    xor %eax, %eax
    in %dx, %ax
    say_value "unclaimed_word=", %eax
    xor %eax, %eax
    in %dx, %eax
    say_value "unclaimed_dword=", %eax
    ret

strings:
    outb_to COM1 + 2, 7                 # FIFO on and empty: room for the whole string
    mov $greeting, %esi
    mov $greeting_end - greeting, %ecx
    mov $COM1_DATA, %edx
    rep outsb
    say_value "outsb_left=", %ecx

    outb_to COM1_SCRATCH, 0x96
    mov $COM1_SCRATCH, %edx
    mov $buffer, %edi
    mov $8, %ecx
    rep insb
    say_value "insb_first=", buffer
    say_value "insb_last=", buffer + 4
    say_value "insb_beyond=", buffer + 8
    ret

    .section .rodata
greeting: .ascii "by string I/O\n"
greeting_end:

    .bss
    .balign 4
buffer: .skip 12
