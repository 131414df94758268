# SPDX-License-Identifier: Apache-2.0
# Sends as many frames of 60 bytes as the command line says, then the end.
.include "net_frames.inc"

.set BATCH, 32
.set HEADER, 12
.set FRAME, 60

    .globl main
main:
    call find_card
    call negotiate
    xor %ecx, %ecx                      # all descriptors are the one frame
1:  mov %ecx, %edx
    shl $4, %edx
    movl $frame, descriptors(%edx)
    movl $HEADER + FRAME, descriptors + 8(%edx)
    inc %ecx
    cmp $SIZE, %ecx
    jne 1b
    mov $1, %eax
    call start_queue
    call cmdline_number
    mov %eax, %esi                      # to be sent
    mov %eax, %edi                      # to come back
    test %edi, %edi
    jz 9f

send:
    mov available + 2, %ax              # what the device still has, then what there is room for
    sub seen, %ax
    mov $SIZE, %ecx
    sub %ax, %cx
    cmp $BATCH, %ecx
    jbe 2f
    mov $BATCH, %ecx
2:  cmp %esi, %ecx
    jbe 3f
    mov %esi, %ecx
3:  test %ecx, %ecx
    jz reap
    sub %ecx, %esi
    make_available %cx, 1
reap:
    movzwl used + 2, %ecx
    sub seen, %cx
    jnz 4f
    pause
    jmp send
4:  add %cx, seen
    movzwl %cx, %ecx
    sub %ecx, %edi
    ja send
9:  jmp triple_fault

    .data
    .balign 16
frame:
    .skip HEADER
    .byte 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5  # an Ethertype for experiments
    .skip FRAME - 14, 0x5a
    .balign 2
seen: .word 0                           # of the used index
