# SPDX-License-Identifier: Apache-2.0
# The smallest file that is a Linux kernel to its loader: a bzImage with the 64-bit boot protocol. Prints what it was
# handed and powers off. Runs wherever it is put. Linux, Documentation/arch/x86/boot.rst.
    .text
    .code64
    .globl _start
_start:
    .org 0x1f1
    .byte 1                             # setup_sects: the header is two sectors
    .word 0                             # root_flags
    .long (image_end - kernel) / 16     # syssize
    .word 0, 0, 0                       # ram_size, vid_mode, root_dev
    .word 0xaa55                        # boot_flag
    .byte 0xeb, header_end - . - 1      # jump
    .ascii "HdrS"
    .word 0x020f                        # version
    .long 0                             # realmode_swtch
    .word 0, 0                          # start_sys_seg, kernel_version
    .byte 0                             # type_of_loader
    .byte 1                             # loadflags: LOADED_HIGH
    .word 0                             # setup_move_size
    .long 0x100000                      # code32_start
    .long 0, 0                          # ramdisk_image, ramdisk_size
    .long 0                             # bootsect_kludge
    .word 0                             # heap_end_ptr
    .byte 0, 0                          # ext_loader_ver, ext_loader_type
    .long 0                             # cmd_line_ptr
    .long 0x7fffffff                    # initrd_addr_max
    .long 0x200000                      # kernel_alignment
    .byte 1                             # relocatable_kernel
    .byte 21                            # min_alignment
    .word 1                             # xloadflags: XLF_KERNEL_64
    .long 2047                          # cmdline_size
    .long 0                             # hardware_subarch
    .quad 0
    .long 0, 0                          # payload_offset, payload_length
    .quad 0                             # setup_data
    .quad 0x1000000                     # pref_address
    .long 0x10000                       # init_size
    .long 0                             # handover_offset
    .long 0                             # kernel_info_offset
header_end:

    .org 0x400
kernel:                                 # 32-bit entry; none here
    .org 0x600                          # 64-bit entry
    mov %rsi, %rbx                      # struct boot_params
    lea stack_top(%rip), %rsp
    lea text_header(%rip), %rsi
    mov 0x202(%rbx), %eax
    call value
    lea text_cs(%rip), %rsi
    mov %cs, %eax
    call value
    lea text_ds(%rip), %rsi
    mov %ds, %eax
    call value
    lea text_flags(%rip), %rsi
    pushfq
    pop %rax
    and $0x200, %eax
    call value
    lea text_loader(%rip), %rsi
    movzbl 0x210(%rbx), %eax
    call value
    lea text_map(%rip), %rsi
    movzbl 0x1e8(%rbx), %eax            # e820_entries
    call value
    lea text_size(%rip), %rsi
    mov 0x21c(%rbx), %eax               # ramdisk_size
    call value
    lea text_first(%rip), %rsi
    mov 0x218(%rbx), %eax               # ramdisk_image
    test %eax, %eax
    jz 1f
    mov (%rax), %eax
1:  call value
    lea text_cmdline(%rip), %rsi
    call puts
    mov 0x228(%rbx), %esi               # cmd_line_ptr
    call puts
    lea text_end(%rip), %rsi
    call puts
    mov $0x604, %edx
    mov $0x3400, %eax
    out %ax, %dx
    mov $10000, %ecx
1:  pause
    dec %ecx
    jnz 1b
    lidt no_idt(%rip)
    ud2

# The string at %rsi, the value in %eax, a line end.
value:
    push %rax
    call puts
    pop %rdi
    mov $8, %ecx
1:  rol $4, %edi
    mov %edi, %eax
    and $15, %eax
    cmp $10, %al
    jb 2f
    add $'a' - '0' - 10, %al
2:  add $'0', %al
    call putc
    dec %ecx
    jnz 1b
    lea text_end(%rip), %rsi
puts:
    lodsb
    test %al, %al
    jz 1f
    call putc
    jmp puts
1:  ret

putc:
    push %rax
    mov $0x3fd, %edx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    pop %rax
    mov $0x3f8, %edx
    out %al, %dx
    ret

text_header: .asciz "header="
text_cs: .asciz "cs="
text_ds: .asciz "ds="
text_flags: .asciz "interrupts="
text_loader: .asciz "loader="
text_map: .asciz "map_entries="
text_size: .asciz "initrd_size="
text_first: .asciz "initrd_first="
text_cmdline: .asciz "cmdline="
text_end: .asciz "\n"
no_idt: .skip 10
    .balign 16
    .skip 512
stack_top:
    .balign 16
image_end:
