# SPDX-License-Identifier: Apache-2.0
# Receives as many frames as the command line says, then the end.
.include "net_frames.inc"

.set DESC_F_WRITE, 2
.set BUFFER, 2048

    .globl main
main:
    call find_card
    call negotiate
    mov $buffers, %eax
    xor %edx, %edx
1:  mov %eax, descriptors(%edx)
    movl $BUFFER, descriptors + 8(%edx)
    movw $DESC_F_WRITE, descriptors + 12(%edx)
    add $BUFFER, %eax
    add $16, %edx
    cmp $16 * SIZE, %edx
    jne 1b
    xor %eax, %eax
    call start_queue
    call cmdline_number
    mov %eax, %edi                      # to come
    mov $SIZE, %ecx
    make_available %cx, 0
    test %edi, %edi
    jz 9f

receive:
    movzwl used + 2, %ecx
    sub seen, %cx
    jnz 2f
    pause
    jmp receive
2:  add %cx, seen
    make_available %cx, 0
    sub %ecx, %edi
    ja receive
9:  jmp triple_fault

    .bss
    .balign 4096
buffers: .skip BUFFER * SIZE
    .data
    .balign 2
seen: .word 0                           # of the used index
