# SPDX-License-Identifier: Apache-2.0
# A byte from the host wakes a halted processor.
.include "guest.inc"

.set VECTOR, 0x41
.set PIN, 4

    .text
    .code32
    .globl main
main:
    call apic_enable
    set_gate VECTOR, on_interrupt
    ioapic_pin PIN, VECTOR
    outb_to COM1_IER, IER_RECEIVED
    say "ready\n"
    wait_for count, 1
    outb_to COM1_IER, 0
    say_value "got=", received
    ret

on_interrupt:
    pushal
    mov $COM1_DATA, %edx
    xor %eax, %eax
    in %dx, %al
    mov %eax, received
    incl count
    end_of_interrupt
    popal
    interrupt_return

    .bss
    .balign 4
count: .skip 4
received: .skip 4
