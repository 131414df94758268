# SPDX-License-Identifier: Apache-2.0
# A hundred times the processor halts until the timer of its local APIC wakes it.
.include "guest.inc"

.set VECTOR, 0x42
.set TIMES, 100
.set LAPIC_LVT_TIMER, LAPIC + 0x320
.set LAPIC_INITIAL_COUNT, LAPIC + 0x380
.set LAPIC_DIVIDE, LAPIC + 0x3e0
.set TIMER_PERIODIC, 1 << 17
.set DIVIDE_BY_1, 0xb
.set PERIOD, 5000000                    # KVM's bus clock is 1 GHz: 5 ms, far longer than the handler takes

    .text
    .code32
    .globl main
main:
    call apic_enable
    set_gate VECTOR, on_tick
    movl $DIVIDE_BY_1, LAPIC_DIVIDE
    movl $(VECTOR | TIMER_PERIODIC), LAPIC_LVT_TIMER
    movl $PERIOD, LAPIC_INITIAL_COUNT
    wait_for count, TIMES
    movl $0, LAPIC_INITIAL_COUNT
    ret

on_tick:
    incl count
    end_of_interrupt
    interrupt_return

    .bss
    .balign 4
count: .skip 4
