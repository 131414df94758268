// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/cpu_kvm.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <new>
#include <tuple>

#include "arch/x86/prstatus.hpp"

// The sizes are part of the ioctl numbers.
static_assert(sizeof(kvm_cpuid2) == 8 && sizeof(kvm_msrs) == 8);

namespace qvm::x86 {
namespace {

constexpr unsigned kCpuidLimit = 256;  // KVM_MAX_CPUID_ENTRIES
constexpr std::size_t kBytesAtRip = 16;

// Intel SDM volume 4, table 2-2.
enum class Msr : std::uint32_t { Ia32MiscEnable = 0x1a0, Ia32MtrrDefType = 0x2ff, Ia32KernelGsBase = 0xc0000102 };
constexpr std::uint64_t kFastStrings = 1;
constexpr std::uint64_t kMtrrEnableWriteBack = 1U << 11 | 6;  // E, type WB

// Exception vectors (Intel SDM volume 3, table 6-1).
constexpr std::uint8_t kUndefinedOpcode = 6;
constexpr std::uint8_t kGeneralProtection = 13;

constexpr std::uint64_t kCr0Pe = 1;
constexpr std::uint64_t kEferLma = 1U << 10;

/// A kernel structure with a count and a flexible array behind it, in memory of its own.
template <typename Header, typename Entry>
class Listed {
public:
    explicit Listed(std::size_t entries)
        : storage_((sizeof(Header) + entries * sizeof(Entry)) / sizeof(std::uint64_t) + 1),
          header_{new (storage_.data()) Header{}} {}
    Header* operator->() const { return header_; }
    [[nodiscard]] Header* get() const { return header_; }

private:
    std::vector<std::uint64_t> storage_;
    Header* header_;
};
using CpuidList = Listed<kvm_cpuid2, kvm_cpuid_entry2>;
using MsrList = Listed<kvm_msrs, kvm_msr_entry>;

kvm_segment to_kvm(const Segment& from) {
    kvm_segment to{};
    to.base = from.base;
    to.limit = from.limit;
    to.selector = from.selector;
    to.type = from.type;
    to.present = from.present;
    to.dpl = from.dpl;
    to.db = from.db;
    to.s = from.s;
    to.l = from.l;
    to.g = from.g;
    to.unusable = !from.present;
    return to;
}

Segment from_kvm(const kvm_segment& from) {
    return {.base = from.base,
            .limit = from.limit,
            .selector = from.selector,
            .type = from.type,
            .present = from.present != 0 && from.unusable == 0,
            .dpl = from.dpl,
            .db = from.db != 0,
            .s = from.s != 0,
            .l = from.l != 0,
            .g = from.g != 0};
}

/// 0 if the kernel does not tell.
std::uint64_t read_msr(const KvmVcpuFd& fd, Msr index) {
    const MsrList list{1};
    list->nmsrs = 1;
    list->entries[0] = {};
    list->entries[0].index = static_cast<std::uint32_t>(index);
    return ::ioctl(fd.fd(), KVM_GET_MSRS, list.get()) == 1 ? list->entries[0].data : 0;
}

CoreRegisters to_core(const kvm_regs& r, const kvm_sregs& s) {
    CoreRegisters to;
    std::tie(to.rax, to.rbx, to.rcx, to.rdx) = std::tie(r.rax, r.rbx, r.rcx, r.rdx);
    std::tie(to.rsi, to.rdi, to.rsp, to.rbp) = std::tie(r.rsi, r.rdi, r.rsp, r.rbp);
    std::tie(to.r8, to.r9, to.r10, to.r11) = std::tie(r.r8, r.r9, r.r10, r.r11);
    std::tie(to.r12, to.r13, to.r14, to.r15) = std::tie(r.r12, r.r13, r.r14, r.r15);
    std::tie(to.rip, to.rflags) = std::tie(r.rip, r.rflags);
    to.cs = from_kvm(s.cs);
    to.ds = from_kvm(s.ds);
    to.es = from_kvm(s.es);
    to.fs = from_kvm(s.fs);
    to.gs = from_kvm(s.gs);
    to.ss = from_kvm(s.ss);
    to.ldt = from_kvm(s.ldt);
    to.tr = from_kvm(s.tr);
    std::tie(to.gdt_base, to.gdt_limit) = std::tie(s.gdt.base, s.gdt.limit);
    std::tie(to.idt_base, to.idt_limit) = std::tie(s.idt.base, s.idt.limit);
    std::tie(to.cr0, to.cr2, to.cr3, to.cr4) = std::tie(s.cr0, s.cr2, s.cr3, s.cr4);
    return to;
}

std::string_view mode_of(const kvm_sregs& sregs) {
    if ((sregs.cr0 & kCr0Pe) == 0) return "real mode";
    if ((sregs.efer & kEferLma) == 0) return sregs.cs.db != 0 ? "32-bit protected mode" : "16-bit protected mode";
    return sregs.cs.l != 0 ? "64-bit mode" : "compatibility mode";
}

std::string describe_registers(const kvm_regs& r, const kvm_sregs& s) {
    return fmt::format(
        "  rip {:016x}  rflags {:08x}  cs {:04x} base {:x}  cpl {}\n"
        "  rax {:016x}  rbx {:016x}  rcx {:016x}  rdx {:016x}\n"
        "  rsi {:016x}  rdi {:016x}  rbp {:016x}  rsp {:016x}\n"
        "  r8  {:016x}  r9  {:016x}  r10 {:016x}  r11 {:016x}\n"
        "  r12 {:016x}  r13 {:016x}  r14 {:016x}  r15 {:016x}\n"
        "  cr0 {:08x}  cr2 {:016x}  cr3 {:016x}  cr4 {:08x}  efer {:04x}\n"
        "  gdt {:x}+{:x}  idt {:x}+{:x}  ss {:04x}  tr {:04x}\n",
        r.rip, r.rflags, s.cs.selector, s.cs.base, s.ss.dpl, r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.rsp,
        r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, s.cr0, s.cr2, s.cr3, s.cr4, s.efer, s.gdt.base,
        s.gdt.limit, s.idt.base, s.idt.limit, s.ss.selector, s.tr.selector);
}

std::string describe_code(const KvmVcpuFd& fd, const GuestMemory& memory, std::uint64_t linear) {
    kvm_translation translation{};
    translation.linear_address = linear;
    if (::ioctl(fd.fd(), KVM_TRANSLATE, &translation) < 0 || translation.valid == 0)
        return "  code at rip: not mapped\n";
    std::string text = "  code at rip:";
    for (std::size_t i = 0; i < kBytesAtRip; ++i) {
        const auto byte = memory.read<std::uint8_t>(Gpa{translation.physical_address + i});
        if (!byte) return text + " (no memory)\n";
        text += fmt::format(" {:02x}", *byte);
    }
    return text + "\n";
}

void set_cpuid(const KvmVcpuFd& fd, const std::vector<CpuidEntry>& entries) {
    const CpuidList list{entries.size()};
    for (const CpuidEntry& entry : entries) {
        kvm_cpuid_entry2& to = list->entries[list->nent++];
        to = {};
        std::tie(to.function, to.index, to.flags) = std::tie(entry.function, entry.index, entry.flags);
        std::tie(to.eax, to.ebx, to.ecx, to.edx) = std::tie(entry.eax, entry.ebx, entry.ecx, entry.edx);
    }
    fd.call("KVM_SET_CPUID2", KVM_SET_CPUID2, list.get());
}

void set_msrs(const KvmVcpuFd& fd) {
    constexpr std::array kInitial{std::pair{Msr::Ia32MiscEnable, kFastStrings},
                                  std::pair{Msr::Ia32MtrrDefType, kMtrrEnableWriteBack}};
    const MsrList list{kInitial.size()};
    for (const auto& [index, data] : kInitial) {
        kvm_msr_entry& to = list->entries[list->nmsrs++];
        to = {};
        to.index = static_cast<std::uint32_t>(index);
        to.data = data;
    }
    fd.call("KVM_SET_MSRS", KVM_SET_MSRS, list.get());
}

}  // namespace

std::vector<CpuidEntry> supported_cpuid(const Kvm& kvm) {
    const CpuidList list{kCpuidLimit};
    list->nent = kCpuidLimit;
    check("KVM_GET_SUPPORTED_CPUID", ::ioctl(kvm.fd(), KVM_GET_SUPPORTED_CPUID, list.get()));
    std::vector<CpuidEntry> entries;
    for (unsigned i = 0; i < list->nent; ++i) {
        const kvm_cpuid_entry2& e = list->entries[i];
        entries.push_back({e.function, e.index, e.flags, e.eax, e.ebx, e.ecx, e.edx});
    }
    return entries;
}

std::vector<CoreNote> core_notes(const KvmVcpuFd& fd, unsigned number) {
    kvm_regs regs{};
    kvm_sregs sregs{};
    if (::ioctl(fd.fd(), KVM_GET_REGS, &regs) < 0 || ::ioctl(fd.fd(), KVM_GET_SREGS, &sregs) < 0) return {};
    CoreRegisters core = to_core(regs, sregs);
    core.kernel_gs_base = read_msr(fd, Msr::Ia32KernelGsBase);
    return {prstatus_note(core, number), qemu_note(core)};
}

X86Vcpu::X86Vcpu(const Kvm& kvm, const KvmVm& vm, const GuestMemory& memory, const CpuidRequest& request,
                 std::span<const CpuidEntry> supported)
    : KvmVcpu{kvm, vm, request.apic_id}, memory_{memory}, number_{request.apic_id} {
    set_cpuid(fd(), make_cpuid(supported, request));
    set_msrs(fd());
}

void X86Vcpu::enter_at(const BootEntry& entry) {
    kvm_sregs sregs{};
    fd().call("KVM_GET_SREGS", KVM_GET_SREGS, &sregs);
    sregs.cs = to_kvm(entry.cs);
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = to_kvm(entry.data);
    sregs.tr = to_kvm(entry.tr);
    sregs.ldt = to_kvm(entry.ldt);
    sregs.gdt.base = entry.gdt_base;
    sregs.gdt.limit = entry.gdt_limit;
    sregs.idt.base = entry.idt_base;
    sregs.idt.limit = entry.idt_limit;
    sregs.cr0 = entry.cr0;
    sregs.cr3 = entry.cr3;
    sregs.cr4 = entry.cr4;
    sregs.efer = entry.efer;
    fd().call("KVM_SET_SREGS", KVM_SET_SREGS, &sregs);

    kvm_regs regs{};
    regs.rip = entry.rip;
    regs.rsi = entry.rsi;
    regs.rbx = entry.rbx;
    regs.rsp = entry.rsp;
    regs.rflags = entry.rflags;
    fd().call("KVM_SET_REGS", KVM_SET_REGS, &regs);
}

std::uint64_t X86Vcpu::tsc_khz() const noexcept {
    const int khz = ::ioctl(fd().fd(), KVM_GET_TSC_KHZ, 0);
    return khz < 0 ? 0 : static_cast<std::uint64_t>(khz);
}

bool X86Vcpu::raise(Fault fault) noexcept {
    kvm_vcpu_events events{};
    if (::ioctl(fd().fd(), KVM_GET_VCPU_EVENTS, &events) < 0) return false;
    events.exception.injected = 1;
    events.exception.nr = fault == Fault::Instruction ? kUndefinedOpcode : kGeneralProtection;
    events.exception.has_error_code = fault == Fault::Instruction ? 0 : 1;
    events.exception.error_code = 0;
    events.flags = 0;
    return ::ioctl(fd().fd(), KVM_SET_VCPU_EVENTS, &events) == 0;
}

std::string X86Vcpu::state() {
    kvm_regs regs{};
    kvm_sregs sregs{};
    if (::ioctl(fd().fd(), KVM_GET_REGS, &regs) < 0 || ::ioctl(fd().fd(), KVM_GET_SREGS, &sregs) < 0)
        return errno_text(fmt::format("vCPU {}: its state cannot be read", number_), errno);
    return fmt::format("vCPU {} in {}\n", number_, mode_of(sregs)) + describe_registers(regs, sregs) +
           describe_code(fd(), memory_, sregs.cs.base + regs.rip);
}

}  // namespace qvm::x86
