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

# Whether the processor has the GIC's registers: then it is of version 3 (ID_AA64PFR0_EL1.GIC).
.macro gic_version to:req
    mrs \to, id_aa64pfr0_el1
    ubfx \to, \to, #24, #4
.endm

# The distributor, this CPU's redistributor and CPU interface on; all priorities pass.
    .globl gic_enable
gic_enable:
    gic_version x16
    cbz x16, 1f
    ldr x16, =GICD3
    mov w17, #0x12                      // ARE_NS, EnableGrp1A
    str w17, [x16, #GICD_CTLR]
    mov w17, #-1
    str w17, [x16, #GICD_IGROUPR + 4]
    ldr x16, =GICR_WAKER
    str wzr, [x16]
    ldr x16, =GICR_SGI
    str w17, [x16, #GICD_IGROUPR]
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
1:  mov w17, #1                         // all is in group 0
    ldr x16, =GICD2
    str w17, [x16, #GICD_CTLR]
    ldr x16, =GICC
    str w17, [x16, #GICC_CTLR]
    mov w17, #0xff
    str w17, [x16, #GICC_PMR]
    ret

# The bank of registers for the interrupt x1, into x16.
gic_bank:
    ldr x16, =GICD2
    gic_version x17
    cbz x17, 1f
    ldr x16, =GICD3
    cmp x1, #32
    b.hs 1f
    ldr x16, =GICR_SGI
1:  ret

    .globl gic_pass
gic_pass:                               // the interrupt x1, to CPU 0
    stp x2, x30, [sp, #-16]!
    bl gic_bank
    cbnz x17, 1f                        // version 3 begins with affinity 0
    add x17, x16, #GICD_ITARGETSR
    mov w2, #1
    strb w2, [x17, x1]
1:  lsr x17, x1, #5
    add x16, x16, x17, lsl #2
    mov w17, #1
    lsl w17, w17, w1
    str w17, [x16, #GICD_ISENABLER]
    ldp x2, x30, [sp], #16
    ret

    .globl gic_configure
gic_configure:                          // the shared interrupt x1: x2 is 0 for a level, 2 for an edge; 15 others are levels
    stp x2, x30, [sp, #-16]!
    bl gic_bank
    lsr x17, x1, #4
    add x16, x16, x17, lsl #2
    and x17, x1, #15
    lsl x17, x17, #1
    lsl w2, w2, w17
    str w2, [x16, #GICD_ICFGR]
    ldp x2, x30, [sp], #16
    ret

# What is unexpected is told; an abort of data is told and its instruction skipped.
    .balign 2048
    .globl vectors
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
    gic_version x1
    cbz x1, 1f
    mrs x0, s3_0_c12_c12_0              // ICC_IAR1_EL1
    str x0, [sp, #-16]!
    bl on_interrupt                     // the ID in x0
    ldr x0, [sp], #16
    msr s3_0_c12_c12_1, x0              // ICC_EOIR1_EL1
    b 2f
1:  ldr x1, =GICC
    ldr w0, [x1, #GICC_IAR]
    str x0, [sp, #-16]!
    bl on_interrupt
    ldr x0, [sp], #16
    ldr x1, =GICC
    str w0, [x1, #GICC_EOIR]
2:  ldp x29, x30, [sp], #16
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
