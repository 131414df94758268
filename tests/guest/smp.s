# SPDX-License-Identifier: Apache-2.0
# Starts all other processors by INIT and SIPI; the command line says how many processors there are in all.
# Each prints its APIC id under a lock and counts itself; the boot processor reports the sum.
.include "guest.inc"

.set TRAMPOLINE, 0x8000

    .text
    .code32
    .globl main
main:
    call apic_enable
    mov $trampoline, %esi
    mov $TRAMPOLINE, %edi
    mov $trampoline_end - trampoline, %ecx
    rep movsb
    mov LAPIC_ID, %eax
    shr $24, %eax
    say_value "boot_id=", %eax

    call cmdline_number
    mov %eax, %ebx
    cmp $1, %ebx
    jbe 2f
    movl $0x000c4500, LAPIC_ICR         # INIT to all but itself
    movl $0x000c4600 + (TRAMPOLINE >> 12), LAPIC_ICR
1:  pause
    mov count, %eax
    inc %eax
    cmp %ebx, %eax
    jb 1b
    call take_lock                      # the last one has printed its line
2:  mov count, %eax
    inc %eax
    say_value "processors=", %eax
    ret

# Uses no stack of its own but the return address, and no register but %eax.
take_lock:
1:  mov $1, %eax
    xchg %eax, lock_word
    test %eax, %eax
    jz 2f
    pause
    jmp 1b
2:  ret

ap_start:
    mov $DATA32, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
1:  mov $1, %eax                        # no stack yet: the stack is what the lock guards
    xchg %eax, lock_word
    test %eax, %eax
    jz 2f
    pause
    jmp 1b
2:  mov $ap_stack_top, %esp
    mov LAPIC_ID, %eax
    shr $24, %eax
    say_value "id=", %eax
    lock incl count
    movl $0, lock_word
3:  cli
    hlt
    jmp 3b

    .code16
trampoline:
    cli
    xor %ax, %ax
    mov %ax, %ds
    lgdtl TRAMPOLINE + gdt_copy - trampoline
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $CODE32, $ap_start
gdt_copy:                               # of gdt_pointer, which real mode cannot reach
    .word 31
    .long gdt
trampoline_end:
    .code32

    .bss
    .balign 16
    .skip 1024
ap_stack_top:
lock_word: .skip 4
count: .skip 4
