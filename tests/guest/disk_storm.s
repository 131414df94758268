# SPDX-License-Identifier: Apache-2.0
# Reads 4 KiB from places all over the first 32 MiB of a virtio disk over MMIO (virtio 1.2, 3.1.1, 4.2.3 and 5.2): as many
# times as the command line's first number says, as many at once as its second one, at most 32. Looks at the used ring in
# place of taking interrupts, in ring 3, so that no KVM has to emulate more of it than the notifications. Says how many
# reads went wrong, and ends.
.include "guest.inc"

.set FIRST, 0xfeb00000                  # where QEMU's microvm has its virtio devices
.set END, FIRST + 24 * 0x200

# Offsets of registers, from %ebx
.set DEVICE_ID, 0x08
.set DRIVER_FEATURES, 0x20
.set DRIVER_FEATURES_SEL, 0x24
.set QUEUE_SEL, 0x30
.set QUEUE_NUM, 0x38
.set QUEUE_READY, 0x44
.set QUEUE_NOTIFY, 0x50
.set STATUS, 0x70
.set QUEUE_DESC, 0x80
.set QUEUE_DRIVER, 0x90
.set QUEUE_DEVICE, 0xa0

.set BLOCK_DEVICE, 2
.set ACKNOWLEDGE, 1
.set DRIVER, 2
.set DRIVER_OK, 4
.set FEATURES_OK, 8
.set F_VERSION_1_HIGH, 1
.set DESC_F_NEXT, 1
.set DESC_F_WRITE, 2
.set AVAIL_F_NO_INTERRUPT, 1
.set USED_F_NO_NOTIFY, 1

.set DEPTH, 32
.set SIZE, 256                          # a place in a ring is a byte; chain i begins at descriptor 4i, which is its id
.set BLOCK, 4096
.set STEP, 0x9e38                       # sectors: a chain has each block of 32 MiB in its turn, far from the last

    .text
    .code32
    .globl main
main:
    call find_disk
    call negotiate
    call set_up_queue
    call set_up_chains
    movl $ACKNOWLEDGE + DRIVER + FEATURES_OK + DRIVER_OK, STATUS(%ebx)
    call cmdline
    call next_number
    mov %eax, reads
    call next_number
    mov %eax, at_once
    say "errors="
    call user_mode
    .code64
    mov reads, %ecx
    mov at_once, %eax
    call storm
    mov errors, %eax
    call user_puthex
    ud2
    .code32

find_disk:
    mov $FIRST, %ebx
1:  cmpl $BLOCK_DEVICE, DEVICE_ID(%ebx)
    je 2f
    add $0x200, %ebx
    cmp $END, %ebx
    jb 1b
    say "no disk\n"
    jmp triple_fault
2:  ret

negotiate:
    movl $0, STATUS(%ebx)
    movl $ACKNOWLEDGE + DRIVER, STATUS(%ebx)
    movl $0, DRIVER_FEATURES_SEL(%ebx)
    movl $0, DRIVER_FEATURES(%ebx)
    movl $1, DRIVER_FEATURES_SEL(%ebx)
    movl $F_VERSION_1_HIGH, DRIVER_FEATURES(%ebx)
    movl $ACKNOWLEDGE + DRIVER + FEATURES_OK, STATUS(%ebx)
    ret

set_up_queue:
    movl $0, QUEUE_SEL(%ebx)
    movl $SIZE, QUEUE_NUM(%ebx)
    movl $descriptors, QUEUE_DESC(%ebx)
    movl $0, QUEUE_DESC + 4(%ebx)
    movl $available, QUEUE_DRIVER(%ebx)
    movl $0, QUEUE_DRIVER + 4(%ebx)
    movl $used, QUEUE_DEVICE(%ebx)
    movl $0, QUEUE_DEVICE + 4(%ebx)
    movw $AVAIL_F_NO_INTERRUPT, available
    movl $1, QUEUE_READY(%ebx)
    ret

# Header, data and status of each chain; type 0 of a header is a read.
set_up_chains:
    mov $descriptors, %edi
    xor %ecx, %ecx
1:  mov %ecx, %eax
    shl $4, %eax
    add $headers, %eax
    mov %eax, (%edi)
    movl $16, 8(%edi)
    movw $DESC_F_NEXT, 12(%edi)
    lea 1(, %ecx, 4), %eax
    mov %ax, 14(%edi)

    mov %ecx, %eax
    shl $12, %eax
    add $data, %eax
    mov %eax, 16(%edi)
    movl $BLOCK, 24(%edi)
    movw $DESC_F_NEXT + DESC_F_WRITE, 28(%edi)
    lea 2(, %ecx, 4), %eax
    mov %ax, 30(%edi)

    lea statuses(, %ecx, 4), %eax
    mov %eax, 32(%edi)
    movl $1, 40(%edi)
    movw $DESC_F_WRITE, 44(%edi)
    movb $0xff, (%eax)

    mov %ecx, %eax                      # where it begins
    shl $4, %eax
    imul $STEP, %ecx, %edx
    mov %dx, headers + 8(%eax)

    add $64, %edi
    inc %ecx
    cmp $DEPTH, %ecx
    jb 1b
    ret

# At least %ecx reads, %eax of them at once; those that are under way at the end are nobody's any more. %edx and %ecx
# are places in the used and in the available ring, %edi counts what was made available, %ebp what is to come back.
    .code64
storm:
    mov %ecx, %ebp
    mov %eax, %edi
    xor %ecx, %ecx
1:  lea (, %ecx, 4), %edx
    mov %dx, available + 4(, %ecx, 2)
    inc %ecx
    cmp %edi, %ecx
    jb 1b
    xor %edx, %edx
    xor %esi, %esi
    call publish

2:  cmp %dl, used + 2
    je 2b
3:  mov used + 4(, %edx, 8), %eax
    cmpb $0, statuses(%eax)
    jne 5f
4:  addw $STEP, headers + 8(, %eax, 4)
    mov %ax, available + 4(, %ecx, 2)
    inc %dl
    inc %cl
    cmp %dl, used + 2
    jne 3b

    mov %edx, %eax                      # as many as came back
    sub %esi, %eax
    and $(SIZE - 1), %eax
    mov %edx, %esi
    add %eax, %edi
    call publish
    sub %eax, %ebp
    jg 2b
    ret
5:  incl errors
    jmp 4b

# Shows the device what was made available, and notifies unless it looks by itself.
publish:
    mov %di, available + 2
    lock orl $0, (%rsp)                 # before the look at what the device wants
    testw $USED_F_NO_NOTIFY, used
    jnz 1f
    movl $0, QUEUE_NOTIFY(%ebx)
1:  ret

    .bss
    .balign 16
descriptors: .skip 16 * SIZE
    .balign 2
available: .skip 6 + 2 * SIZE
    .balign 4
used: .skip 6 + 8 * SIZE
    .balign 4
errors: .skip 4
reads: .skip 4
at_once: .skip 4
headers: .skip 16 * DEPTH
statuses: .skip 4 * DEPTH
    .balign 4096
data: .skip BLOCK * DEPTH
