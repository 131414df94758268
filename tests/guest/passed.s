# SPDX-License-Identifier: Apache-2.0
# Ports and memory of the host: QEMU's fw_cfg (docs/specs/fw_cfg of QEMU 7.2) at its ports, and its device "edu"
# (docs/specs/edu) at 0xd0000000, whose interrupt comes by pin 10 as a level, and at 0xd0200000 the registers of an AHCI
# (Serial ATA AHCI 1.3.1, 3.1), which are only to be read.
.include "guest.inc"

.set FW_CFG_SELECTOR, 0x510
.set FW_CFG_DATA, 0x511
.set FW_CFG_DMA, 0x514

.set EDU, 0xd0000000
.set EDU_LIVENESS, EDU + 0x04
.set EDU_RAISE, EDU + 0x60
.set EDU_ACKNOWLEDGE, EDU + 0x64

.set AHCI_GHC, 0xd0200004
.set AHCI_VS, 0xd0200010
.set GHC_IE, 2

.set VECTOR, 0x40
.set PIN, 10
.set INTERRUPTS, 200
.set STORM, 50

    .text
    .code32
    .globl main
main:
    call ports
    call registers
    call apic_enable
    set_gate VECTOR, on_interrupt
    ioapic_pin PIN, VECTOR + REDIR_LEVEL

    # One at a time.
    mov $INTERRUPTS, %ecx
1:  mov count, %ebx
    inc %ebx
    movl $1, EDU_RAISE
    call wait_for_ebx
    dec %ecx
    jnz 1b
    call rest
    say_value "interrupts=", count

    # The device pulls until the handler acknowledges, which it does at the last one.
    movl $STORM, unacknowledged
    movl $0, count
    mov $STORM, %ebx
    movl $1, EDU_RAISE
    call wait_for_ebx
    call rest
    say_value "storm=", count
    ret

# A selector takes 16 bits and gives the signature byte by byte; the register of DMA reads as a signature of any width.
ports:
    mov $FW_CFG_SELECTOR, %edx
    xor %eax, %eax
    out %ax, %dx
    mov $FW_CFG_DATA, %edx
    mov $4, %ecx
1:  shl $8, %ebx
    in %dx, %al
    mov %al, %bl
    dec %ecx
    jnz 1b
    say_value "bytes=", %ebx
    mov $FW_CFG_DMA, %edx
    xor %eax, %eax
    in %dx, %ax
    say_value "word=", %eax
    in %dx, %eax
    say_value "dword=", %eax
    ret

registers:
    mov EDU, %eax
    say_value "identification=", %eax
    movl $0x12345678, EDU_LIVENESS
    mov EDU_LIVENESS, %eax
    say_value "liveness=", %eax
    mov AHCI_VS, %eax
    say_value "version=", %eax
    mov AHCI_GHC, %eax
    xor $GHC_IE, %eax
    mov %eax, AHCI_GHC                  # lost, and no harm
    xor AHCI_GHC, %eax
    say_value "unwritten=", %eax
    ret

# Until the handler has counted so far.
wait_for_ebx:
    cli
    cmp %ebx, count
    jae 1f
    sti
    hlt
    jmp wait_for_ebx
1:  ret

# Long enough for one too many.
rest:
    sti
    mov $COM1_SCRATCH, %edx
    mov $2000, %eax
1:  push %eax
    in %dx, %al
    pop %eax
    dec %eax
    jnz 1b
    cli
    ret

on_interrupt:
    pushal
    incl count
    cmpl $1, unacknowledged
    jle 1f
    decl unacknowledged
    jmp 2f
1:  movl $1, EDU_ACKNOWLEDGE
    mov EDU_LIVENESS, %eax              # the write has arrived
2:  end_of_interrupt
    popal
    interrupt_return

    .bss
    .balign 4
count: .skip 4
unacknowledged: .skip 4
