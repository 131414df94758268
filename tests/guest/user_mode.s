# SPDX-License-Identifier: Apache-2.0
# The way to ring 3 in 64-bit mode, for a guest whose speed counts: there, a KVM that is itself paravirtual leaves the
# code to the processor, whose instructions it would emulate in ring 0. All memory is mapped to itself, the ports below
# 0x400 may be used, and there is no way back: an exception is a triple fault.
.include "guest.inc"

.set MSR_SYSENTER_CS, 0x174
.set MSR_EFER, 0xc0000080
.set EFER_LME, 1 << 8
.set CR0_PG, 1 << 31
.set CR4_PAE, 1 << 5
.set RFLAGS_ALWAYS, 2
.set TSS_IO_MAP, 0x66                   # where a task state segment says where its map of ports begins
.set TSS_SIZE, 0x68
.set PORTS, 0x400                       # those in the map

.set PAGE_FOR_ALL, 7                    # present, writable, also in ring 3
.set PAGE_LARGE, 1 << 7
.set LARGE_PAGE, 2 << 20

# user_mode: returns in ring 3. Keeps %rbx, %rsi and %rsp.
    .text
    .code32
    .globl user_mode
user_mode:
    pop %ebp
    call map_all
    call long_mode
    lidt exceptions_pointer
    mov $TASK, %eax
    ltr %ax
    mov $MSR_SYSENTER_CS, %ecx
    mov $SYSENTER_BASE, %eax
    xor %edx, %edx
    wrmsr
    ljmp $CODE64, $1f
    .code64
1:  mov %esp, %ecx
    mov %ebp, %edx
    sysexitq                            # iretq is unknown to KVM's emulator ...
invalid_opcode:                         # ... and this to AMD's processors in 64-bit mode
    pushq $USER_DATA
    pushq %rcx
    pushq $RFLAGS_ALWAYS
    pushq $USER_CODE64
    pushq %rdx
    iretq

# Four tables of 512 large pages make 4 GiB.
    .code32
map_all:
    mov $directories, %edi
    mov $PAGE_LARGE + PAGE_FOR_ALL, %eax
1:  mov %eax, (%edi)
    add $8, %edi
    add $LARGE_PAGE, %eax
    jnc 1b

    movl $pointers + PAGE_FOR_ALL, level4
    mov $pointers, %edi
    mov $directories + PAGE_FOR_ALL, %eax
1:  mov %eax, (%edi)
    add $8, %edi
    add $4096, %eax
    cmp $pointers + 4 * 8, %edi
    jb 1b
    ret

long_mode:
    mov $level4, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $CR4_PAE, %eax
    mov %eax, %cr4
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
    mov %cr0, %eax
    or $CR0_PG, %eax
    mov %eax, %cr0
    mov $invalid_opcode, %eax
    mov %ax, exceptions + 16 * 6
    shr $16, %eax
    mov %ax, exceptions + 16 * 6 + 6
    mov $task, %eax
    mov %ax, gdt + TASK + 2
    shr $16, %eax
    mov %al, gdt + TASK + 4
    mov %ah, gdt + TASK + 7
    ret

# user_puthex: %eax in ring 3 as eight hexadecimal digits and a line end.
    .code64
    .globl user_puthex
user_puthex:
    mov %eax, %ebx
    mov $8, %ecx
1:  rol $4, %ebx
    mov %ebx, %eax
    and $15, %eax
    add $'0', %al
    cmp $'9', %al
    jbe 2f
    add $'a' - '9' - 1, %al
2:  call user_putc
    dec %ecx
    jnz 1b
    mov $'\n', %al
    # falls through

# user_putc: %al in ring 3; clobbers %edx and %ah.
    .globl user_putc
user_putc:
    mov %al, %ah
    mov $COM1_LSR, %edx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov $COM1_DATA, %edx
    mov %ah, %al
    out %al, %dx
    ret

    .data
    .balign 16
exceptions:                             # 64-bit gates up to invalid opcode, 6; only that one is there
    .skip 16 * 6
    .word 0, CODE64, 0x8e00, 0
    .quad 0
exceptions_end:
exceptions_pointer:
    .word exceptions_end - exceptions - 1
    .long exceptions

task:
    .skip TSS_IO_MAP
    .word TSS_SIZE
    .skip PORTS / 8                     # a bit that is clear lets the port through
    .byte 0xff

    .bss
    .balign 4096
level4: .skip 4096
pointers: .skip 4096
directories: .skip 4 * 4096
