// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/prstatus.hpp"

#include <elf.h>

#include <cstring>
#include <type_traits>

namespace qvm::x86 {
namespace {

/// user_regs_struct.
struct UserRegisters {
    std::uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax;
    std::uint64_t rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};

/// elf_prstatus. What a guest has no use for is zero.
struct Prstatus {
    std::array<std::uint8_t, 32> signals;
    std::uint32_t pid;
    std::array<std::uint32_t, 3> relatives;
    std::array<std::uint64_t, 8> times;
    UserRegisters registers;
    std::uint32_t float_valid;
    std::uint32_t padding;
};
static_assert(sizeof(Prstatus) == 336 && offsetof(Prstatus, registers) == 112);

struct QemuSegment {
    std::uint32_t selector, limit, flags, padding;
    std::uint64_t base;
};

struct QemuState {
    std::uint32_t version, size;
    std::uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
    std::uint64_t rip, rflags;
    QemuSegment cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt;
    std::array<std::uint64_t, 5> cr;
    std::uint64_t kernel_gs_base;
};
static_assert(sizeof(QemuState) == 440);

template <typename T>
requires std::is_trivially_copyable_v<T> std::vector<std::byte> bytes_of(const T& value) {
    std::vector<std::byte> bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

/// The bits of a descriptor's second word (Intel SDM volume 3, 3.4.5).
QemuSegment to_qemu(const Segment& from) {
    const auto bit = [](bool value, unsigned at) { return static_cast<std::uint32_t>(value) << at; };
    const std::uint32_t flags = static_cast<std::uint32_t>(from.type) << 8 | bit(from.s, 12) |
                                static_cast<std::uint32_t>(from.dpl) << 13 | bit(from.present, 15) | bit(from.l, 21) |
                                bit(from.db, 22) | bit(from.g, 23);
    return {from.selector, from.limit, flags, 0, from.base};
}

QemuSegment table(std::uint64_t base, std::uint16_t limit) { return {0, limit, 0, 0, base}; }

}  // namespace

CoreNote prstatus_note(const CoreRegisters& r, unsigned number) {
    Prstatus status{};
    status.pid = number + 1;
    status.registers = {r.r15,     r.r14,     r.r13,         r.r12,         r.rbp,         r.rbx,        r.r11,
                        r.r10,     r.r9,      r.r8,          r.rax,         r.rcx,         r.rdx,        r.rsi,
                        r.rdi,     0,         r.rip,         r.cs.selector, r.rflags,      r.rsp,        r.ss.selector,
                        r.fs.base, r.gs.base, r.ds.selector, r.es.selector, r.fs.selector, r.gs.selector};
    return {"CORE", NT_PRSTATUS, bytes_of(status)};
}

CoreNote qemu_note(const CoreRegisters& r) {
    QemuState state{};
    state.version = 1;
    state.size = sizeof state;
    state.rax = r.rax;
    state.rbx = r.rbx;
    state.rcx = r.rcx;
    state.rdx = r.rdx;
    state.rsi = r.rsi;
    state.rdi = r.rdi;
    state.rsp = r.rsp;
    state.rbp = r.rbp;
    state.r8 = r.r8;
    state.r9 = r.r9;
    state.r10 = r.r10;
    state.r11 = r.r11;
    state.r12 = r.r12;
    state.r13 = r.r13;
    state.r14 = r.r14;
    state.r15 = r.r15;
    state.rip = r.rip;
    state.rflags = r.rflags;
    state.cs = to_qemu(r.cs);
    state.ds = to_qemu(r.ds);
    state.es = to_qemu(r.es);
    state.fs = to_qemu(r.fs);
    state.gs = to_qemu(r.gs);
    state.ss = to_qemu(r.ss);
    state.ldt = to_qemu(r.ldt);
    state.tr = to_qemu(r.tr);
    state.gdt = table(r.gdt_base, r.gdt_limit);
    state.idt = table(r.idt_base, r.idt_limit);
    state.cr = {r.cr0, 0, r.cr2, r.cr3, r.cr4};
    state.kernel_gs_base = r.kernel_gs_base;
    return {"QEMU", 0, bytes_of(state)};
}

}  // namespace qvm::x86
