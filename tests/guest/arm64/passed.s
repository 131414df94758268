# SPDX-License-Identifier: Apache-2.0
# A PL031 of the host's (ARM DDI 0224) at 0x1d000000, with interrupt 44: an alarm that is due at once comes when it is
# set. One interrupt at a time, and then a device that pulls until the handler clears it at the last one.
.include "guest.inc"

.set RTC, 0x1d000000
.set RTC_DR, 0x00
.set RTC_MR, 0x04
.set RTC_IMSC, 0x10
.set RTC_RIS, 0x14
.set RTC_ICR, 0x1c
.set RTC_ID0, 0xfe0
.set RTC_INTERRUPT, 44
.set INTERRUPTS, 200
.set STORM, 50

    .text
    .globl main
main:
    stp x29, x30, [sp, #-16]!
    ldr x16, =RTC
    ldr w2, [x16, #RTC_ID0]
    say_value "part=", x2
    bl gic_enable
    mov x1, #RTC_INTERRUPT
    mov x2, #0
    bl gic_configure                    // a level
    bl gic_pass
    mov x19, #0
    mov x20, #0

    mov x21, #INTERRUPTS
1:  add x22, x20, #1
    bl raise
2:  cmp x20, x22
    b.ne 2b
    subs x21, x21, #1
    b.ne 1b
    bl settle
    say_value "interrupts=", x20

    mov x19, #STORM - 1
    mov x20, #0
    bl raise
3:  cmp x20, #STORM
    b.ne 3b
    bl settle
    say_value "storm=", x20
    msr daifset, #2
    ldr x16, =RTC
    str wzr, [x16, #RTC_IMSC]
    ldp x29, x30, [sp], #16
    ret

raise:                                  // the second may end between look and alarm
    msr daifset, #2
    ldr x16, =RTC
    mov w17, #1
    str w17, [x16, #RTC_IMSC]
1:  ldr w17, [x16, #RTC_DR]
    str w17, [x16, #RTC_MR]
    ldr w17, [x16, #RTC_RIS]
    cbz w17, 1b
    msr daifclr, #2
    ret

settle:                                 // one too many would come at one of these exits
    mov x17, #200
    ldr x16, =UART
1:  ldr wzr, [x16, #UART_RIS]
    subs x17, x17, #1
    b.ne 1b
    ret

    .globl on_interrupt
on_interrupt:
    cmp x0, #RTC_INTERRUPT
    b.ne power_off
    add x20, x20, #1
    cbz x19, 1f
    sub x19, x19, #1
    ret
1:  ldr x16, =RTC
    mov w17, #1
    str w17, [x16, #RTC_ICR]
    ldr wzr, [x16, #RTC_RIS]            // the write has arrived
    ret
