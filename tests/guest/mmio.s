# SPDX-License-Identifier: Apache-2.0
# Memory-mapped accesses of 1, 2, 4 and 8 bytes; the last needs long mode.
.include "guest.inc"

.set NOWHERE, 0xd0000000

    .text
    .code32
    .globl main
main:
    movl $1, IOAPIC_INDEX
    mov IOAPIC_DATA, %eax
    say_value "ioapic_version=", %eax
    call narrow
    call wide
    ret

narrow:
    movl $0, NOWHERE                    # lost, and no harm
    xor %eax, %eax
    mov NOWHERE, %al
    say_value "byte=", %eax
    xor %eax, %eax
    mov NOWHERE + 2, %ax
    say_value "word=", %eax
    mov NOWHERE + 4, %eax
    say_value "dword=", %eax
    mov $NOWHERE + 8, %esi
    mov $copy, %edi
    mov $2, %ecx
    rep movsl
    say_value "string_first=", copy
    say_value "string_last=", copy + 4
    movzbl NOWHERE + 1, %eax
    say_value "movzx=", %eax
    ret

wide:
    call enter_long_mode
    say_value "qword_low=", qword
    say_value "qword_high=", qword + 4
    say_value "index_qword_low=", index
    ret

# Identity-maps 4 GiB in 2 MiB pages, reads from 64-bit code, and returns in compatibility mode.
enter_long_mode:
    movl $pdpt + 3, pml4
    mov $pdpt, %edi
    mov $page_directories + 3, %eax
1:  mov %eax, (%edi)
    add $8, %edi
    add $4096, %eax
    cmp $page_directories + 3 + 4 * 4096, %eax
    jne 1b
    mov $page_directories, %edi
    mov $0x83, %eax                     # present, writable, 2 MiB
    mov $2048, %ecx
2:  mov %eax, (%edi)
    add $8, %edi
    add $0x200000, %eax
    dec %ecx
    jnz 2b

    mov %cr4, %eax
    or $0x20, %eax                      # PAE
    mov %eax, %cr4
    mov $pml4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx               # EFER
    rdmsr
    or $0x100, %eax                     # LME
    wrmsr
    mov %cr0, %eax
    or $0x80000000, %eax                # PG
    mov %eax, %cr0
    ljmp $CODE64, $1f
    .code64
1:  movabs $NOWHERE + 0x10, %rsi
    movq $0, (%rsi)
    mov (%rsi), %rax
    mov %rax, qword
    mov $IOAPIC_INDEX, %esi
    mov (%rsi), %rax                    # wider than the register: whatever it reads, the guest goes on
    mov %rax, index
    ljmp *back
    .code32
1:  ret

    .section .rodata
    .balign 4
back:
    .long 1b
    .word CODE32

    .bss
    .balign 8
copy: .skip 8
qword: .skip 8
index: .skip 8
    .balign 4096
pml4: .skip 4096
pdpt: .skip 4096
page_directories: .skip 4 * 4096
