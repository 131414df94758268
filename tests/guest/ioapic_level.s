# SPDX-License-Identifier: Apache-2.0
# The UART's "transmitter empty" as a level: delivered again after each EOI while the line is high, and not before.
# Results are kept and printed at the end, since printing itself empties the transmitter.
.include "guest.inc"

.set VECTOR, 0x40
.set PIN, 4

    .text
    .code32
    .globl main
main:
    call apic_enable
    set_gate VECTOR, on_interrupt
    ioapic_pin PIN, VECTOR + REDIR_LEVEL

    outb_to COM1_IER, IER_THR_EMPTY     # the line rises; the handler lets it fall at the third entry
    call wait_for_three
    mov count, %eax
    mov %eax, entries
    call remote_irr
    mov %eax, remote_irr_at_rest

    movl $0, count
    ioapic_pin PIN, VECTOR + REDIR_LEVEL + REDIR_MASKED
    outb_to COM1_DATA, '.'
    call settle
    mov count, %eax
    mov %eax, while_masked
    movl $2, count                      # one more entry lets the line fall
    ioapic_pin PIN, VECTOR + REDIR_LEVEL
    call wait_for_three
    mov count, %eax
    sub $2, %eax
    mov %eax, after_unmasking

    outb_to COM1_IER, 0
    say "\n"
    say_value "in_service=", in_service_at_entry
    say_value "entries=", entries
    say_value "remote_irr_before_eoi=", remote_irr_before_eoi
    say_value "pending_before_eoi=", pending_before_eoi
    say_value "remote_irr_at_rest=", remote_irr_at_rest
    say_value "while_masked=", while_masked
    say_value "after_unmasking=", after_unmasking
    ret

# Until the handler ran three times, and a while longer. Not with hlt: the paravirtual KVM forgets to report an end of
# interrupt when hlt follows without another exit in between, which the port read is.
wait_for_three:
    sti
    mov $COM1_SCRATCH, %edx
1:  in %dx, %al
    cmpl $3, count
    jb 1b
    call settle
    ret

# 1 in %eax if the pin's interrupt was accepted and not yet ended, else 0.
remote_irr:
    movl $0x10 + 2 * PIN, IOAPIC_INDEX
    mov IOAPIC_DATA, %eax
    shr $14, %eax
    and $1, %eax
    ret

# 1 in %eax if the vector waits in the local APIC, else 0.
pending:
    mov LAPIC_IRR + 0x10 * (VECTOR / 32), %eax
    shr $(VECTOR % 32), %eax
    and $1, %eax
    ret

# The line falls and rises again: a second delivery before EOI would be seen as pending.
bounce_line:
    push %edx
    mov $COM1_IIR, %edx
    in %dx, %al
    outb_to COM1_DATA, '.'
    mov $1000, %edx
1:  pause
    dec %edx
    jnz 1b
    pop %edx
    ret

on_interrupt:
    pushal
    incl count
    cmpl $1, count
    jne 1f
    in_service VECTOR
    mov %eax, in_service_at_entry
    call remote_irr
    mov %eax, remote_irr_before_eoi
    call bounce_line
    call pending
    mov %eax, pending_before_eoi
1:  cmpl $3, count
    jb 2f
    mov $COM1_IIR, %edx
    in %dx, %al
2:  end_of_interrupt
    popal
    interrupt_return

    .bss
    .balign 4
count: .skip 4
in_service_at_entry: .skip 4
entries: .skip 4
remote_irr_before_eoi: .skip 4
pending_before_eoi: .skip 4
remote_irr_at_rest: .skip 4
while_masked: .skip 4
after_unmasking: .skip 4
