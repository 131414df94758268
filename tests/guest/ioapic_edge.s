# SPDX-License-Identifier: Apache-2.0
# The UART's "transmitter empty" as an edge: one interrupt for each event, whatever the line does in between.
# Results are kept and printed at the end, since printing itself empties the transmitter.
.include "guest.inc"

.set VECTOR, 0x40
.set PIN, 4

# result name: keeps the number of interrupts since the last result.
.macro result name:req
    call settle
    mov count, %eax
    mov %eax, \name
    movl $0, count
.endm

    .text
    .code32
    .globl main
main:
    call apic_enable
    set_gate VECTOR, on_interrupt
    ioapic_pin PIN, VECTOR

    outb_to COM1_IER, IER_THR_EMPTY     # event 1: the transmitter is empty already
    wait_for count, 1
    call event
    wait_for count, 2
    call event
    wait_for count, 3
    call event
    wait_for count, 4
    result four_events

    movl $1, keep_line                  # the line stays high after EOI: no further edge, no further interrupt
    call event
    wait_for count, 1
    result line_kept_high
    movl $0, keep_line
    call read_cause

    ioapic_pin PIN, VECTOR + REDIR_MASKED
    call event
    result while_masked
    ioapic_pin PIN, VECTOR              # an edge that came while masked is lost
    result after_unmasking
    call read_cause

    call event
    wait_for count, 1
    result next_event

    outb_to COM1_IER, 0
    say "\n"
    say_value "four_events=", four_events
    say_value "line_kept_high=", line_kept_high
    say_value "while_masked=", while_masked
    say_value "after_unmasking=", after_unmasking
    say_value "next_event=", next_event
    ret

# One byte sent, then the transmitter is empty again.
event:
    outb_to COM1_DATA, '.'
    ret

# Reading IIR takes "transmitter empty" back: the line falls.
read_cause:
    push %eax
    push %edx
    mov $COM1_IIR, %edx
    in %dx, %al
    pop %edx
    pop %eax
    ret

on_interrupt:
    incl count
    cmpl $0, keep_line
    jne 1f
    call read_cause
1:  end_of_interrupt
    interrupt_return

    .bss
    .balign 4
count: .skip 4
keep_line: .skip 4
four_events: .skip 4
line_kept_high: .skip 4
while_masked: .skip 4
after_unmasking: .skip 4
next_event: .skip 4
