# SPDX-License-Identifier: Apache-2.0
# Linked to every bare guest: entry, serial output, interrupt table, ways out.
.include "guest.inc"

# XEN_ELFNOTE_PHYS32_ENTRY (18): where a PVH loader enters, in 32-bit protected mode.
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long _start

    .text
    .code32
    .globl _start
_start:
    cli
    cld
    lgdt gdt_pointer
    ljmp $CODE32, $1f
1:  mov $DATA32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $stack_top, %esp
    mov %ebx, start_info
    lidt idt_pointer
    call serial_init
    call main
    jmp power_off

serial_init:
    outb_to COM1_IER, 0
    outb_to COM1 + 3, 3                 # 8 bits, no parity, one stop bit
    outb_to COM1_MCR, MCR_OUT2 + 3      # ... and DTR, RTS
    ret

# serial_putc: the byte in %al.
    .globl serial_putc
serial_putc:
    push %edx
    push %eax
    mov $COM1_LSR, %edx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov $COM1_DATA, %edx
    pop %eax
    out %al, %dx
    pop %edx
    ret

# serial_puts(string): takes its argument off the stack.
    .globl serial_puts
serial_puts:
    push %esi
    push %eax
    mov 12(%esp), %esi
1:  lodsb
    test %al, %al
    jz 2f
    call serial_putc
    jmp 1b
2:  pop %eax
    pop %esi
    ret $4

# serial_puthex(value): eight digits; takes its argument off the stack.
    .globl serial_puthex
serial_puthex:
    pushal
    mov 36(%esp), %ebx
    mov $8, %ecx
1:  rol $4, %ebx
    mov %ebx, %eax
    and $15, %eax
    mov hex_digits(%eax), %al
    call serial_putc
    dec %ecx
    jnz 1b
    popal
    ret $4

# idt_set(vector, handler): an interrupt gate; takes its arguments off the stack.
    .globl idt_set
idt_set:
    push %eax
    push %edi
    mov 12(%esp), %edi
    mov 16(%esp), %eax
    lea idt(, %edi, 8), %edi
    mov %ax, (%edi)
    movw $CODE32, 2(%edi)
    movw $0x8e00, 4(%edi)
    shr $16, %eax
    mov %ax, 6(%edi)
    pop %edi
    pop %eax
    ret $8

# The local APIC on, and a legacy controller, where the board has one, silent.
    .globl apic_enable
apic_enable:
    outb_to 0x21, 0xff
    outb_to 0xa1, 0xff
    movl $0x1ff, LAPIC_SPURIOUS
    ret

# Time for an interrupt that must not come: some milliseconds with interrupts on, and exits, for what the kernel does
# between them. Returns with interrupts off.
    .globl settle
settle:
    push %ecx
    push %eax
    sti
    mov $1000, %ecx
1:  in $0x80, %al                       # nobody is there
    dec %ecx
    jnz 1b
    cli
    pop %eax
    pop %ecx
    ret

# The decimal number at the start of the command line, in %eax; 0 if there is none.
    .globl cmdline_number
cmdline_number:
    push %esi
    call cmdline
    call next_number
    pop %esi
    ret

# The address of the command line in %esi; 0 if there is none.
    .globl cmdline
cmdline:
    mov start_info, %esi
    mov 24(%esi), %esi                  # hvm_start_info.cmdline_paddr
    ret

# The decimal number at %esi in %eax; %esi is then behind the byte that ends it.
    .globl next_number
next_number:
    push %edx
    xor %eax, %eax
    test %esi, %esi
    jz 2f
1:  movzbl (%esi), %edx
    inc %esi
    sub $'0', %edx
    cmp $9, %edx
    ja 2f
    lea (%eax, %eax, 4), %eax
    lea (%edx, %eax, 2), %eax
    jmp 1b
2:  pop %edx
    ret

# Powers off by ACPI. A board without the register is left by a triple fault, so that the guests end there too; that
# comes late enough not to be mistaken for what ended a board that has the register.
    .globl power_off
power_off:
    cli
    outw_to PM1_CNT, PM1_CNT_SLEEP_S5
    mov $1000000, %ecx
1:  pause
    dec %ecx
    jnz 1b
    .globl triple_fault
triple_fault:
    lidt no_idt
    ud2

    .section .rodata
hex_digits: .ascii "0123456789abcdef"
    .balign 8
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
no_idt:
    .word 0
    .long 0
idt_pointer:
    .word 256 * 8 - 1
    .long idt

    .data                               # a processor sets the accessed bits
    .balign 8
    .globl gdt
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff            # CODE32: base 0, 4 GiB
    .quad 0x00cf93000000ffff            # DATA32
    .quad 0x00af9b000000ffff            # CODE64
    .quad 0, 0, 0
    .quad 0x00affb000000ffff            # USER_CODE64
    .quad 0x00cff3000000ffff            # USER_DATA
    .quad 0x00008900000000e8, 0         # TASK: its base is for user_mode to set
gdt_end:

    .bss
    .balign 8
idt:
    .skip 256 * 8
start_info:
    .skip 4
    .balign 16
    .skip 4096
stack_top:
