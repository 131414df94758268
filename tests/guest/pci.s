# SPDX-License-Identifier: Apache-2.0
# A driver for the function that tests/kvm/pci_test.cpp puts at 0:1.0: MSI-X, doorbells, a BAR that moves, the pin.
# What it finds goes back into registers of the function.
.include "guest.inc"

.set VECTOR, 0x40                       # two vectors in one word of the local APIC's bits
.set MOVED_VECTOR, 0x41
.set PIN_VECTOR, 0x50
.set PIN, 17                            # INTA of device 1

.set CONFIG_ADDRESS, 0xcf8
.set CONFIG_DATA, 0xcfc
.set FUNCTION, 0x80000800               # 0:1.0
.set COMMAND, 0x04
.set MEMORY_SPACE, 2
.set BAR0, 0x10
.set BAR1, 0x14
.set MSIX, 0x40                         # its only capability: Message Control is in the upper half
.set MSIX_ENABLE, 1 << 31
.set MSIX_FUNCTION_MASK, 1 << 30

# The function's registers, from BAR 0 on.
.set SIGNAL, 0x00                       # write: the vector to signal
.set DRIVE, 0x04                        # write: the level of its pin
.set RANG, 0x08                         # read: which doorbells have rung since the last time
.set EXITS, 0x0c                        # read: how many writes to the doorbells came here
.set BELL, 0x10                         # bit 0 of RANG
.set MATCHING_BELL, 0x14                # bit 1; for the value 7 alone
.set RESULTS, 0x100

.set PENDING, 0x800                     # from BAR 1 on

# config_read register: its dword in %eax.
.macro config_read register:req
    push %edx
    mov $CONFIG_ADDRESS, %edx
    mov $FUNCTION + (\register), %eax
    out %eax, %dx
    mov $CONFIG_DATA, %edx
    in %dx, %eax
    pop %edx
.endm

# config_write register, value
.macro config_write register:req, value:vararg
    push %edx
    push %eax
    mov $CONFIG_ADDRESS, %edx
    mov $FUNCTION + (\register), %eax
    out %eax, %dx
    mov $CONFIG_DATA, %edx
    mov \value, %eax
    out %eax, %dx
    pop %eax
    pop %edx
.endm

# The next result: %eax.
.macro result
    mov %eax, (%ebp)
    add $4, %ebp
.endm

# The next result: how many interrupts there have been on a vector.
.macro result_count counter:req
    call settle
    mov \counter, %eax
    result
.endm

.macro signal vector:req
    movl $\vector, SIGNAL(%esi)
.endm

.macro mask vector:req, masked:req
    movl $\masked, \vector * 16 + 12(%edi)
.endm

# Until the interrupt has come. With exits in between, so that a paravirtual KVM has its chances to deliver.
.macro await counter:req, goal:req
    sti
.Lwait\@:
    mov RANG(%esi), %eax
    cmpl $\goal, \counter
    jb .Lwait\@
    cli
.endm

    .text
    .code32
    .globl main
main:
    call apic_enable
    set_gate VECTOR, on_vector
    set_gate MOVED_VECTOR, on_moved_vector
    set_gate PIN_VECTOR, on_pin
    config_write COMMAND, $MEMORY_SPACE
    config_read BAR1
    mov %eax, %edi
    config_read BAR0
    mov %eax, %esi
    lea RESULTS(%esi), %ebp
    config_read 0
    result                              # 0: vendor and device

    call messages
    call doorbells
    call pin
    call matches
    ret

messages:
    movl $LAPIC, (%edi)
    movl $0, 4(%edi)
    movl $VECTOR, 8(%edi)
    mask 0, 0
    config_write MSIX, $MSIX_ENABLE
    signal 0
    await count, 1
    result_count count                  # 1: 1

    mask 0, 1
    signal 0
    signal 0
    result_count count                  # 2: 1, nothing while it is masked
    mov PENDING(%edi), %eax
    result                              # 3: 1, but it is pending
    mask 0, 0
    await count, 2
    result_count count                  # 4: 2, once
    mask 0, 1
    mov PENDING(%edi), %eax
    result                              # 5: 0
    mask 0, 0

    config_write MSIX, $MSIX_ENABLE + MSIX_FUNCTION_MASK
    signal 0
    result_count count                  # 6: 2
    movl $MOVED_VECTOR, 8(%edi)
    config_write MSIX, $MSIX_ENABLE
    await moved_count, 1
    result_count moved_count            # 7: 1, at the new place
    result_count count                  # 8: 2
    ret

doorbells:
    movl $1, BELL(%esi)
    mov RANG(%esi), %eax
    result                              # 9: 1
    mov %esi, %ebx
    add $0x40000, %esi
    config_write BAR0, %esi
    add $0x40000, %ebp
    movl $1, BELL(%ebx)                 # nobody is there any more
    mov RANG(%esi), %eax
    result                              # 10: 0
    movl $1, BELL(%esi)
    mov RANG(%esi), %eax
    result                              # 11: 1
    mov EXITS(%esi), %eax
    result                              # 12: 0, the kernel took them all
    config_write COMMAND, $0
    movl $1, BELL(%esi)
    config_write COMMAND, $MEMORY_SPACE
    mov RANG(%esi), %eax
    result                              # 13: 0
    ret

pin:
    ioapic_pin PIN, PIN_VECTOR + REDIR_LEVEL
    movl $1, DRIVE(%esi)
    result_count pin_count              # 14: 0 while MSI-X is on
    config_write MSIX, $0
    await pin_count, 1
    result_count pin_count              # 15: 1
    config_write COMMAND, $MEMORY_SPACE + 0x400     # Interrupt Disable
    movl $1, DRIVE(%esi)
    result_count pin_count              # 16: 1
    config_read COMMAND
    result                              # 17: Interrupt Status shows it all the same
    config_write COMMAND, $MEMORY_SPACE
    await pin_count, 2
    result_count pin_count              # 18: 2
    ret

matches:
    movl $6, MATCHING_BELL(%esi)
    mov RANG(%esi), %eax
    result                              # 19: 0
    movl $7, MATCHING_BELL(%esi)
    mov RANG(%esi), %eax
    result                              # 20: 2
    mov EXITS(%esi), %eax
    result                              # 21: 1, for the other value
    ret

on_vector:
    incl count
    end_of_interrupt
    interrupt_return

on_moved_vector:
    incl moved_count
    end_of_interrupt
    interrupt_return

on_pin:
    incl pin_count
    movl $0, DRIVE(%esi)
    end_of_interrupt
    interrupt_return

    .bss
    .balign 4
count: .skip 4
moved_count: .skip 4
pin_count: .skip 4
