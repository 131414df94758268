# SPDX-License-Identifier: Apache-2.0
# The firmware interface: its version, a second CPU on and off, an unknown call, and a reset as the end.
.include "guest.inc"

    .text
    .globl main
main:
    hvc_call PSCI_VERSION
    say_value "version=", x0
    ldr x2, =second
    mov x1, #1
    ldr x3, =0x123456789
    hvc_call PSCI_CPU_ON
    say_value "on=", x0
    ldr x1, =seen
1:  ldar x2, [x1]
    cbz x2, 1b
    say_value "context=", x2
    ldr x1, =affinity
    ldr x2, [x1]
    say_value "affinity=", x2
2:  mov x1, #1
    mov x2, #0
    hvc_call PSCI_AFFINITY_INFO
    cmp x0, #1                          // OFF
    b.ne 2b
    say "off\n"
    ldr x2, =second
    mov x1, #7                          // there is none
    hvc_call PSCI_CPU_ON
    say_value "no_such_cpu=", x0
    hvc_call 0xc6001234
    say_value "unknown=", x0
    hvc_call PSCI_SYSTEM_RESET
    b .

second:
    mrs x1, mpidr_el1
    and x1, x1, #0xffffff
    ldr x2, =affinity
    str x1, [x2]
    ldr x1, =seen
    stlr x0, [x1]
    hvc_call PSCI_CPU_OFF
    b .

    .data
    .balign 8
seen: .quad 0
affinity: .quad 0
