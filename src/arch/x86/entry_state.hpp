// SPDX-License-Identifier: Apache-2.0
// The registers of the boot processor's first instruction, and the tables in guest memory that they refer to.
#pragma once

#include <cstdint>
#include <span>

#include "vmm/guest_memory.hpp"
#include "vmm/units.hpp"

namespace qvm::x86 {

/// A segment register with its hidden part, field by field as in a descriptor (Intel SDM volume 3, 3.4.5) and in
/// struct kvm_segment.
struct Segment {
    std::uint64_t base = 0;
    std::uint32_t limit = 0;  ///< in bytes
    std::uint16_t selector = 0;
    std::uint8_t type = 0;
    bool present = false;
    std::uint8_t dpl = 0;
    bool db = false;
    bool s = false;
    bool l = false;
    bool g = false;
    bool operator==(const Segment&) const = default;
};

/// What the boot processor starts with. General registers that are not named here are zero.
struct BootEntry {
    enum class Mode : std::uint8_t {
        Long64,      ///< Linux 64-bit boot protocol: paging on, identity-mapped
        Protected32  ///< PVH: flat 32-bit segments, paging off
    };
    Mode mode = Mode::Long64;
    std::uint64_t rip = 0;
    std::uint64_t rsi = 0;  ///< Long64: the zero page
    std::uint64_t rbx = 0;  ///< Protected32: hvm_start_info
    std::uint64_t rsp = 0;  ///< free low RAM below it; neither protocol promises a stack
    std::uint64_t rflags = 0x2;
    std::uint64_t cr0 = 0;
    std::uint64_t cr3 = 0;
    std::uint64_t cr4 = 0;
    std::uint64_t efer = 0;
    std::uint64_t gdt_base = 0;
    std::uint16_t gdt_limit = 0;
    std::uint64_t idt_base = 0;
    std::uint16_t idt_limit = 0;  ///< 0: an exception before the guest has its own IDT is a triple fault
    Segment cs{};                 ///< selector 0x10, the Linux protocol's __BOOT_CS
    Segment data{};               ///< for DS, ES, FS, GS and SS: selector 0x18, __BOOT_DS
    Segment tr{};                 ///< selector 0x20, a busy TSS at 0 as PVH wants it
    Segment ldt{};                ///< not present
};

/// Writes the GDT and (Long64) identity page tables for the first 4 GiB and for `mapped`, and returns the state
/// without rip, rsi and rbx. `mapped` is at most 4 GiB long. Throws std::logic_error if low RAM is missing.
[[nodiscard]] BootEntry write_entry_state(const GuestMemory& memory, BootEntry::Mode mode, Range mapped);

/// The memory that write_entry_state() uses in each mode.
[[nodiscard]] std::span<const Range> entry_state_ranges(BootEntry::Mode mode) noexcept;

}  // namespace qvm::x86
