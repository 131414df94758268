// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/entry_state.hpp"

#include <array>
#include <stdexcept>

#include "arch/x86/layout.hpp"

namespace qvm::x86 {
namespace {

// Intel SDM volume 3, 2.5 and 2.2.1.
constexpr std::uint64_t kCr0Pe = 1U << 0;
constexpr std::uint64_t kCr0Et = 1U << 4;
constexpr std::uint64_t kCr0Pg = 1U << 31;
constexpr std::uint64_t kCr4Pae = 1U << 5;
constexpr std::uint64_t kEferLme = 1U << 8;
constexpr std::uint64_t kEferLma = 1U << 10;

// Descriptor types with the accessed bit (Intel SDM volume 3, 3.4.5.1 and 3.5).
constexpr std::uint8_t kCodeExecuteRead = 0xb;
constexpr std::uint8_t kDataReadWrite = 0x3;
constexpr std::uint8_t kTssBusy = 0xb;

// Page table entries (Intel SDM volume 3, 4.5.4).
constexpr std::uint64_t kPresent = 1U << 0;
constexpr std::uint64_t kWritable = 1U << 1;
constexpr std::uint64_t kLargePage = 1U << 7;

void store(const GuestMemory& memory, std::uint64_t at, std::uint64_t value) {
    if (!memory.write(Gpa{at}, value)) throw std::logic_error{"boot structures outside guest memory"};
}

std::uint64_t load(const GuestMemory& memory, std::uint64_t at) {
    const auto value = memory.read<std::uint64_t>(Gpa{at});
    if (!value) throw std::logic_error{"boot structures outside guest memory"};
    return *value;
}

/// Identity page tables in the arena from kPageTables to kPageTablesEnd, whose memory is zero.
class IdentityMap {
public:
    explicit IdentityMap(const GuestMemory& memory) : memory_{memory} {}

    void map_gib(std::uint64_t gib) {
        const std::uint64_t directory = table_in(table_in(kPageTables, gib >> 9), gib & 511);
        for (std::uint64_t i = 0; i < 512; ++i)
            store(memory_, directory + 8 * i, (gib * kGiB + i * 2 * kMiB) | kPresent | kWritable | kLargePage);
    }

private:
    /// The table that entry `index` of `table` refers to; a new one if it refers to none.
    std::uint64_t table_in(std::uint64_t table, std::uint64_t index) {
        const std::uint64_t entry = load(memory_, table + 8 * index);
        if (entry & kPresent) return align_down(entry, kPage);
        if (next_ == kPageTablesEnd) throw std::logic_error{"too little room for page tables"};
        const std::uint64_t fresh = next_;
        next_ += kPage;
        store(memory_, table + 8 * index, fresh | kPresent | kWritable);
        return fresh;
    }

    const GuestMemory& memory_;
    std::uint64_t next_ = kPageTables + kPage;
};

void write_identity_map(const GuestMemory& memory, Range mapped) {
    IdentityMap tables{memory};
    for (std::uint64_t gib = 0; gib < 4; ++gib) tables.map_gib(gib);
    for (std::uint64_t gib = mapped.start() / kGiB; gib <= mapped.last() / kGiB; ++gib)
        if (gib >= 4) tables.map_gib(gib);
}

Segment flat(std::uint16_t selector, std::uint8_t type, bool long_mode) {
    return {.limit = 0xffff'ffff,
            .selector = selector,
            .type = type,
            .present = true,
            .db = !long_mode,
            .s = true,
            .l = long_mode,
            .g = true};
}

/// The low half of a descriptor; the high half of a 64-bit TSS descriptor is the base's upper bits, here zero.
std::uint64_t descriptor(const Segment& segment) {
    const std::uint64_t limit = segment.g ? segment.limit >> 12 : segment.limit;
    const auto bit = [](bool value, unsigned at) { return std::uint64_t{value} << at; };
    return (limit & 0xffff) | (segment.base & 0xff'ffff) << 16 | std::uint64_t{segment.type} << 40 |
           bit(segment.s, 44) | std::uint64_t{segment.dpl} << 45 | bit(segment.present, 47) |
           (limit >> 16 & 0xf) << 48 | bit(segment.l, 53) | bit(segment.db, 54) | bit(segment.g, 55) |
           (segment.base >> 24 & 0xff) << 56;
}

void write_gdt(const GuestMemory& memory, BootEntry& entry) {
    const std::array<std::uint64_t, 6> table{0, 0, descriptor(entry.cs), descriptor(entry.data), descriptor(entry.tr),
                                             0};
    for (std::size_t i = 0; i < table.size(); ++i) store(memory, kGdt + 8 * i, table[i]);
    entry.gdt_base = kGdt;
    entry.gdt_limit = sizeof table - 1;
}

void set_control_registers(BootEntry& entry) {
    entry.cr0 = kCr0Pe | kCr0Et;
    if (entry.mode == BootEntry::Mode::Protected32) return;
    entry.cr0 |= kCr0Pg;
    entry.cr3 = kPageTables;
    entry.cr4 = kCr4Pae;
    entry.efer = kEferLme | kEferLma;
}

}  // namespace

std::span<const Range> entry_state_ranges(BootEntry::Mode mode) noexcept {
    static const std::array ranges{*Range::make(kGdt, kPage), *Range::make(kPageTables, kPageTablesEnd - kPageTables)};
    return std::span{ranges}.first(mode == BootEntry::Mode::Long64 ? 2 : 1);
}

BootEntry write_entry_state(const GuestMemory& memory, BootEntry::Mode mode, Range mapped) {
    const bool long_mode = mode == BootEntry::Mode::Long64;
    BootEntry entry{.mode = mode};
    entry.cs = flat(0x10, kCodeExecuteRead, long_mode);
    entry.data = flat(0x18, kDataReadWrite, false);
    entry.tr = {.limit = 0x67, .selector = 0x20, .type = kTssBusy, .present = true};
    entry.ldt = {.limit = 0xffff, .type = 2};
    set_control_registers(entry);
    write_gdt(memory, entry);
    if (long_mode) write_identity_map(memory, mapped);
    return entry;
}

}  // namespace qvm::x86
