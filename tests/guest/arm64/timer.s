# SPDX-License-Identifier: Apache-2.0
# The virtual timer's interrupt ends a WFI.
.include "guest.inc"

    .text
    .globl main
main:
    stp x29, x30, [sp, #-16]!
    bl gic_enable
    mov x1, #VIRTUAL_TIMER_ID
    bl gic_pass
    mrs x1, cntvct_el0
    mrs x2, cntfrq_el0
    lsr x3, x1, #3
    cmp x3, x2                          // it began with 0 when the VM was made, some seconds ago at most
    cset x3, lo
    say_value "fresh_counter=", x3
    mov x20, #0
    lsr x2, x2, #5
    msr cntv_tval_el0, x2
    mov x2, #1
    msr cntv_ctl_el0, x2
1:  wfi
    msr daifclr, #2
    isb
    msr daifset, #2
    cbz x20, 1b
    say_value "timer=", x20
    ldp x29, x30, [sp], #16
    ret

    .globl on_interrupt
on_interrupt:
    mov x20, x0
    mov x1, #2                          // masked
    msr cntv_ctl_el0, x1
    isb
    ret
