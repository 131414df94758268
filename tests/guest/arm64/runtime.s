# SPDX-License-Identifier: Apache-2.0
# Linked to every bare arm64 guest: entry, output, exceptions, interrupt controller, the way out.
.include "guest.inc"

    .section .text.start, "ax"
    .globl _start
_start:
    ldr x1, =device_tree
    str x0, [x1]
    ldr x1, =stacks + 4096
    mov sp, x1
    ldr x1, =vectors
    msr vbar_el1, x1
    isb
    bl main
    .globl power_off
power_off:
    hvc_call PSCI_SYSTEM_OFF
    b .

    .text
    .globl uart_puts
uart_puts:                              // the string at x0
    ldr x16, =UART
1:  ldrb w17, [x0], #1
    cbz w17, 2f
    str w17, [x16, #UART_DR]
    b 1b
2:  ret

    .globl uart_puthex
uart_puthex:                            // x0, sixteen digits
    stp x1, x2, [sp, #-16]!
    ldr x16, =UART
    mov x1, #60
1:  lsr x2, x0, x1
    and x2, x2, #15
    cmp x2, #10
    add x17, x2, #'0'
    add x2, x2, #'a' - 10
    csel x17, x17, x2, lo
    str w17, [x16, #UART_DR]
    subs x1, x1, #4
    b.pl 1b
    ldp x1, x2, [sp], #16
    ret

# The distributor, this CPU's redistributor and CPU interface on; all priorities pass.
    .globl gic_enable
gic_enable:
    ldr x16, =GICD
    mov w17, #0x12                      // ARE_NS, EnableGrp1A
    str w17, [x16, #GICD_CTLR]
    ldr x16, =GICR_WAKER
    str wzr, [x16]
    mov w17, #-1
    ldr x16, =GICR_SGI
    str w17, [x16, #0x80]               // GICR_IGROUPR0
    ldr x16, =GICD + 0x84
    str w17, [x16]                      // GICD_IGROUPR1
    mrs x17, s3_0_c12_c12_5             // ICC_SRE_EL1
    orr x17, x17, #1
    msr s3_0_c12_c12_5, x17
    isb
    mov x17, #0xff
    msr s3_0_c4_c6_0, x17               // ICC_PMR_EL1
    mov x17, #1
    msr s3_0_c12_c12_7, x17             // ICC_IGRPEN1_EL1
    isb
    ret

# What is unexpected is told; an abort of data is told and its instruction skipped.
    .balign 2048
vectors:
    .rept 4
    b unexpected
    .balign 128
    .endr
    b synchronous                       // from this EL, with its own stack
    .balign 128
    b interrupt
    .balign 128
    .rept 10
    b unexpected
    .balign 128
    .endr

unexpected:
    say "UNEXPECTED\n"
    b power_off

synchronous:
    stp x0, x1, [sp, #-16]!
    mrs x0, esr_el1
    ubfx x0, x0, #26, #6                // above are ones: KVM extends its sign
    cmp x0, #0x25                       // data abort from the same EL
    b.ne 1f
    say "data abort\n"
    ldr x0, =aborts
    ldr x1, [x0]
    add x1, x1, #1
    str x1, [x0]
    mrs x0, elr_el1
    add x0, x0, #4
    msr elr_el1, x0
    ldp x0, x1, [sp], #16
    eret
1:  mrs x0, esr_el1
    say_value "exception=", x0
    mrs x0, elr_el1
    say_value "elr=", x0
    b power_off

interrupt:
    stp x0, x1, [sp, #-16]!
    stp x2, x3, [sp, #-16]!
    stp x16, x17, [sp, #-16]!
    stp x29, x30, [sp, #-16]!
    mrs x0, s3_0_c12_c12_0              // ICC_IAR1_EL1
    str x0, [sp, #-16]!
    bl on_interrupt                     // the ID in x0
    ldr x0, [sp], #16
    msr s3_0_c12_c12_1, x0              // ICC_EOIR1_EL1
    ldp x29, x30, [sp], #16
    ldp x16, x17, [sp], #16
    ldp x2, x3, [sp], #16
    ldp x0, x1, [sp], #16
    eret

    .weak on_interrupt
on_interrupt:
    ret

    .data
    .balign 8
    .globl device_tree, aborts
device_tree: .quad 0
aborts: .quad 0
