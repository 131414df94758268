# SPDX-License-Identifier: Apache-2.0
# A driver for virtio-entropy over MMIO at 0xd0000000 on line 5 (virtio 1.2, 3.1.1, 4.2.3 and 5.4), split ring.
.include "guest.inc"

.set VECTOR, 0x40
.set PIN, 5

.set VIRTIO, 0xd0000000
.set MAGIC_VALUE, VIRTIO + 0x00
.set VERSION, VIRTIO + 0x04
.set DEVICE_ID, VIRTIO + 0x08
.set DRIVER_FEATURES, VIRTIO + 0x20
.set DRIVER_FEATURES_SEL, VIRTIO + 0x24
.set QUEUE_SEL, VIRTIO + 0x30
.set QUEUE_NUM_MAX, VIRTIO + 0x34
.set QUEUE_NUM, VIRTIO + 0x38
.set QUEUE_READY, VIRTIO + 0x44
.set QUEUE_NOTIFY, VIRTIO + 0x50
.set INTERRUPT_STATUS, VIRTIO + 0x60
.set INTERRUPT_ACK, VIRTIO + 0x64
.set STATUS, VIRTIO + 0x70
.set QUEUE_DESC, VIRTIO + 0x80
.set QUEUE_DRIVER, VIRTIO + 0x90
.set QUEUE_DEVICE, VIRTIO + 0xa0

.set ACKNOWLEDGE, 1
.set DRIVER, 2
.set DRIVER_OK, 4
.set FEATURES_OK, 8
.set F_VERSION_1_HIGH, 1
.set DESC_F_WRITE, 2
.set SIZE, 4
.set WANTED, 32

    .text
    .code32
    .globl main
main:
    call apic_enable
    set_gate VECTOR, on_interrupt
    ioapic_pin PIN, VECTOR + REDIR_LEVEL

    say_value "magic=", MAGIC_VALUE
    say_value "version=", VERSION
    say_value "device=", DEVICE_ID
    call negotiate
    say_value "status=", STATUS
    call set_up_queue
    movl $ACKNOWLEDGE + DRIVER + FEATURES_OK + DRIVER_OK, STATUS

    call ask
    say_value "first_written=", used_ring + 4
    call any_byte
    say_value "first_random=", %eax
    call ask
    say_value "second_written=", used_ring + 12
    say_value "interrupts=", count
    say_value "interrupt_status=", seen_status

    movl $0, STATUS
    say_value "status_after_reset=", STATUS
    movl $0, QUEUE_SEL
    say_value "ready_after_reset=", QUEUE_READY
    ret

negotiate:
    movl $0, STATUS
    movl $ACKNOWLEDGE, STATUS
    movl $ACKNOWLEDGE + DRIVER, STATUS
    movl $0, DRIVER_FEATURES_SEL
    movl $0, DRIVER_FEATURES
    movl $1, DRIVER_FEATURES_SEL
    movl $F_VERSION_1_HIGH, DRIVER_FEATURES
    movl $ACKNOWLEDGE + DRIVER + FEATURES_OK, STATUS
    ret

set_up_queue:
    movl $0, QUEUE_SEL
    movl $SIZE, QUEUE_NUM
    movl $descriptors, QUEUE_DESC
    movl $0, QUEUE_DESC + 4
    movl $available, QUEUE_DRIVER
    movl $0, QUEUE_DRIVER + 4
    movl $used, QUEUE_DEVICE
    movl $0, QUEUE_DEVICE + 4
    movl $1, QUEUE_READY
    movl $buffer, descriptors
    movl $WANTED, descriptors + 8
    movw $DESC_F_WRITE, descriptors + 12
    ret

# Makes the buffer available once more and waits until the device has used it and said so.
ask:
    incw available + 2                  # each entry of the ring is descriptor 0
    movl $0, QUEUE_NOTIFY
    sti
    mov $COM1_SCRATCH, %edx
1:  in %dx, %al                         # not hlt: see ioapic_level
    movzwl available + 2, %eax
    cmp %ax, used + 2
    jne 1b
    cmp %eax, count
    jb 1b
    cli
    ret

# 1 in %eax if one of the buffer's bytes is not 0; that all of them are by chance happens once in 2^256.
any_byte:
    push %ecx
    push %edi
    mov $buffer, %edi
    mov $WANTED, %ecx
    xor %eax, %eax
1:  or (%edi), %al
    inc %edi
    loop 1b
    neg %eax
    sbb %eax, %eax
    neg %eax
    pop %edi
    pop %ecx
    ret

on_interrupt:
    pushal
    mov INTERRUPT_STATUS, %eax
    or %eax, seen_status
    mov %eax, INTERRUPT_ACK
    test %eax, %eax
    jz 1f
    incl count
1:  end_of_interrupt
    popal
    interrupt_return

    .bss
    .balign 16
descriptors: .skip 16 * SIZE
    .balign 2
available: .skip 6 + 2 * SIZE
    .balign 4
used: .skip 4
used_ring: .skip 8 * SIZE
    .balign 4
count: .skip 4
seen_status: .skip 4
buffer: .skip WANTED
