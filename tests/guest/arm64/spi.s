# SPDX-License-Identifier: Apache-2.0
# The UART's interrupt as a level and as an edge: while a level stays high it comes again, an edge does not.
.include "guest.inc"

    .text
    .globl main
main:
    stp x29, x30, [sp, #-16]!
    bl gic_enable
    mov x1, #UART_ID
    mov x2, #0
    bl gic_configure                    // KVM's GIC begins with edges
    bl gic_pass
    msr daifclr, #2

    mov w19, #3                         // the handler silences the line at the third
    bl raise
1:  cmp w20, w19
    b.ne 1b
    bl settle
    say_value "level=", x20

    msr daifset, #2
    mov x1, #UART_ID
    mov x2, #2
    bl gic_configure
    msr daifclr, #2
    mov w19, #0                         // never
    bl raise
    bl settle
    say_value "edge=", x20
    bl silence
    bl raise
    bl settle
    say_value "second_edge=", x20
    ldp x29, x30, [sp], #16
    ret

raise:                                  // counts anew
    mov x20, #0
    ldr x16, =UART
    mov w17, #UART_TX
    str w17, [x16, #UART_ICR]
    mov w17, #UART_TX
    str w17, [x16, #UART_IMSC]
    mov w17, #' '
    str w17, [x16, #UART_DR]
    ret

silence:
    ldr x16, =UART
    str wzr, [x16, #UART_IMSC]
    ret

settle:                                 // an interrupt that is pending comes at one of these exits
    mov x17, #16
    ldr x16, =UART
1:  ldr wzr, [x16, #UART_RIS]
    subs x17, x17, #1
    b.ne 1b
    ret

    .globl on_interrupt
on_interrupt:
    add x20, x20, #1
    cmp x0, #UART_ID
    b.ne power_off
    cmp w20, w19
    b.eq silence
    ret
