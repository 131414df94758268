# SPDX-License-Identifier: Apache-2.0
# Sleeps until the power button is pressed, then switches itself off as an operating system would.
.include "guest.inc"

.set VECTOR, 0x42
.set SCI_PIN, 9

    .text
    .code32
    .globl main
main:
    call apic_enable
    set_gate VECTOR, on_sci
    ioapic_pin SCI_PIN, VECTOR + REDIR_LEVEL
    outw_to PM1_CNT, PM1_CNT_SCI_EN
    outw_to PM1_STS, 0xffff
    outw_to PM1_EN, PM1_PWRBTN
    say "ready\n"
    wait_for count, 1
    call settle                         # a line that stays high would count on
    say_value "in_service=", in_service_at_entry
    say_value "status=", status
    say_value "status_after=", status_after
    say_value "interrupts=", count
    ret

on_sci:
    pushal
    incl count
    cmpl $1, count
    jne 1f
    in_service VECTOR
    mov %eax, in_service_at_entry
    mov $PM1_STS, %edx
    xor %eax, %eax
    in %dx, %ax
    mov %eax, status
    out %ax, %dx                        # ones clear
    in %dx, %ax
    mov %eax, status_after
1:  end_of_interrupt
    popal
    interrupt_return

    .bss
    .balign 4
count: .skip 4
in_service_at_entry: .skip 4
status: .skip 4
status_after: .skip 4
