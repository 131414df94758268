# SPDX-License-Identifier: Apache-2.0
# Firmware calls besides PSCI: what each service answers, and that all else is not supported, by HVC and by SMC.
.include "guest.inc"

.macro ask name:req, function:req, first=0
    mov x1, #0
    .if \first
    ldr w1, =\first
    .endif
    hvc_call \function
    say_value "\name=", x0
.endm

    .text
    .globl main
main:
    stp x29, x30, [sp, #-16]!
    ask smccc_version, 0x80000000
    ask arch_features, 0x80000001, 0xc5000020
    ask arch_soc_id, 0x80000001, 0x80000002
    ask trng_version, 0x84000050
    mov x1, #64
    hvc_call 0xc4000053                 // TRNG_RND: the bits are in x3
    say_value "trng=", x0
    cmp x3, #0
    cset x3, ne
    say_value "some=", x3
    mov x1, #1000                       // more than a call has room for
    hvc_call 0xc4000053
    say_value "trng_too_many=", x0
    ask time_features, 0xc5000020, 0xc5000021
    ask time_unknown, 0xc5000020, 0xc5000022
    hvc_call 0xc5000021                 // PV_TIME_ST: the address of this CPU's record
    ldr w1, [x0]                        // its revision
    say_value "stolen_revision=", x1

    ldr x20, =unknown
1:  ldr w0, [x20], #4
    cbz w0, 2f
    mov w21, w0
    mov x1, #0
    hvc #0
    cmn x0, #1
    b.ne 3f
    mov w0, w21
    smc #0
    cmn x0, #1
    b.eq 1b
3:  say_value "answered=", x21
    b 1b
2:  say "end\n"
    ldp x29, x30, [sp], #16
    ret

    .data
    .balign 4
# Numbers that no service has, one or more of each owner (Arm DEN0028, 2.5 and 6.1).
unknown:
    .word 0x80000004, 0xc0001234, 0x8000ffff, 0x81000000, 0xc1000000, 0x82000000, 0xc2000001, 0x83000000, 0xc3000001
    .word 0x8400001f, 0xc400ffff, 0x85000000, 0xc5000040, 0x86001234, 0xc6001234, 0xb0000000, 0xf2000000, 0xff000000
    .word 0x00000001, 0x7fffffff, 0
