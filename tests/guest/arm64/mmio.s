# SPDX-License-Identifier: Apache-2.0
# Memory-mapped accesses of 1, 2, 4 and 8 bytes, with and without sign, on a register that keeps 16 bits; what nobody
# has; and pairs of registers, which KVM cannot decode.
.include "guest.inc"

    .text
    .globl main
main:
    stp x29, x30, [sp, #-16]!
    ldr x1, =device_tree
    ldr x1, [x1]
    ldr w2, [x1]
    say_value "tree=", x2
    ldr x1, =UART
    ldr w2, =0x9c87
    str w2, [x1, #UART_IBRD]
    ldrb w2, [x1, #UART_IBRD]
    say_value "byte=", x2
    ldrsb w2, [x1, #UART_IBRD]
    say_value "signed_byte_32=", x2
    ldrsb x2, [x1, #UART_IBRD]
    say_value "signed_byte_64=", x2
    ldrh w2, [x1, #UART_IBRD]
    say_value "half=", x2
    ldrsh w2, [x1, #UART_IBRD]
    say_value "signed_half_32=", x2
    ldrsh x2, [x1, #UART_IBRD]
    say_value "signed_half_64=", x2
    ldr w2, [x1, #UART_IBRD]
    say_value "word=", x2
    ldrsw x2, [x1, #UART_IBRD]
    say_value "signed_word=", x2
    add x3, x1, #UART_IBRD - 4
    mov w2, #0x55
    strb w2, [x1, #UART_IBRD]
    ldr w2, [x1, #UART_IBRD]
    say_value "written_byte=", x2
    str xzr, [x1, #UART_IBRD + 4]       // 8 bytes at a multiple of 8
    ldr x2, [x1, #UART_IBRD + 4]
    say_value "double=", x2

    ldr x1, =NOWHERE
    str x1, [x1]                        // lost, and no harm
    ldr x2, [x1]
    say_value "nowhere_64=", x2
    ldr w2, [x1]
    say_value "nowhere_32=", x2
    ldrsw x2, [x1]
    say_value "nowhere_signed=", x2

    ldp x2, x3, [x1]
    ldr x1, =aborts
    ldr x2, [x1]
    say_value "pair_aborts=", x2
    ldp x29, x30, [sp], #16
    ret
