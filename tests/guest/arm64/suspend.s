# SPDX-License-Identifier: Apache-2.0
# The whole machine sleeps: refused while another CPU is on or to an entry where no memory is; ended by the timer and by
# a shared interrupt, with all that a reset leaves of a CPU.
.include "guest.inc"

    .text
    .globl main
main:
    ldr x1, =PSCI_SYSTEM_SUSPEND
    hvc_call PSCI_FEATURES
    say_value "features=", x0
    ldr x2, =second
    mov x1, #1
    hvc_call PSCI_CPU_ON
    ldr x1, =seen
1:  ldar x2, [x1]
    cbz x2, 1b
    ldr x1, =by_timer
    hvc_call PSCI_SYSTEM_SUSPEND
    say_value "another_is_on=", x0
    ldr x1, =go
    mov x2, #1
    stlr x2, [x1]
2:  mov x1, #1
    mov x2, #0
    hvc_call PSCI_AFFINITY_INFO
    cmp x0, #1                          // OFF
    b.ne 2b
    ldr x1, =NOWHERE
    hvc_call PSCI_SYSTEM_SUSPEND
    say_value "no_memory=", x0
    ldr x1, =by_timer + 2
    hvc_call PSCI_SYSTEM_SUSPEND
    say_value "odd=", x0

    bl gic_enable
    mov x1, #VIRTUAL_TIMER_ID
    bl gic_pass
    mrs x2, cntfrq_el0
    lsr x2, x2, #3
    msr cntv_tval_el0, x2
    mov x2, #1
    msr cntv_ctl_el0, x2
    mov x25, #77
    mrs x1, sctlr_el1
    orr x1, x1, #2                      // A: a reset clears it
    msr sctlr_el1, x1
    ldr x1, =by_timer
    ldr x2, =0x123456789abcdef
    hvc_call PSCI_SYSTEM_SUSPEND
    b .

by_timer:
    ldr x1, =stacks + 4096
    mov sp, x1
    ldr x1, =vectors
    msr vbar_el1, x1
    isb
    say_value "timer=", x0
    say_value "x25=", x25
    mrs x1, sctlr_el1
    and x1, x1, #2
    say_value "alignment=", x1
    mrs x1, cntv_ctl_el0
    say_value "timer_control=", x1
    mov x1, #UART_ID
    mov x2, #0
    bl gic_configure
    bl gic_pass
    ldr x1, =UART
    mov w2, #UART_TX
    str w2, [x1, #UART_IMSC]
    mov w2, #' '
    str w2, [x1, #UART_DR]
    ldr x1, =by_uart
    ldr x2, =0x123456789abcdef
    ldr w0, =PSCI_SYSTEM_SUSPEND_32
    hvc #0
    b .

by_uart:
    ldr x1, =stacks + 4096
    mov sp, x1
    ldr x1, =UART
    str wzr, [x1, #UART_IMSC]
    say_value "uart=", x0
    ldr x1, =asleep_for_good
    hvc_call PSCI_SYSTEM_SUSPEND
asleep_for_good:
    say "UNEXPECTED\n"
    b power_off

second:
    ldr x1, =seen
    mov x2, #1
    stlr x2, [x1]
    ldr x1, =go
1:  ldar x2, [x1]
    cbz x2, 1b
    hvc_call PSCI_CPU_OFF
    b .

    .data
    .balign 8
seen: .quad 0
go: .quad 0
