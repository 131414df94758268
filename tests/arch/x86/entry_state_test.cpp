// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/entry_state.hpp"

#include <catch2/catch.hpp>

#include "arch/x86/layout.hpp"

using namespace qvm;
using namespace qvm::x86;

namespace {

GuestMemory low_memory() {
    GuestMemory memory;
    memory.add(*Range::make(0, kMiB), GuestMemory::Kind::Ram);
    return memory;
}

/// Walks the tables as the processor would; nothing where it would fault.
std::optional<std::uint64_t> translate(const GuestMemory& memory, std::uint64_t cr3, std::uint64_t address) {
    std::uint64_t table = cr3;
    for (const unsigned shift : {39U, 30U, 21U}) {
        const auto entry = memory.read<std::uint64_t>(Gpa{table + 8 * (address >> shift & 511)});
        if (!entry || (*entry & 3) != 3) return {};
        if (*entry & 0x80) return align_down(*entry, 2 * kMiB) + address % (2 * kMiB);
        table = align_down(*entry, kPage);
    }
    return {};
}

}  // namespace

TEST_CASE("the 64-bit state has paging on and maps the first 4 GiB to themselves") {
    const GuestMemory memory = low_memory();
    const BootEntry entry = write_entry_state(memory, BootEntry::Mode::Long64, *Range::make(16 * kMiB, kMiB));
    CHECK(entry.cr0 == 0x8000'0011);
    CHECK(entry.cr4 == 0x20);
    CHECK(entry.efer == 0x500);
    CHECK(entry.rflags == 2);
    for (const std::uint64_t address : {0 * kMiB, 5 * kKiB, 16 * kMiB, kGiB, kFourGiB - 1})
        CHECK(translate(memory, entry.cr3, address) == address);
    CHECK_FALSE(translate(memory, entry.cr3, kFourGiB));
}

TEST_CASE("a kernel above 4 GiB is mapped too, wherever it is") {
    for (const std::uint64_t start : {5 * kGiB, 512 * kGiB - kMiB, 1024 * kGiB + 3}) {
        const GuestMemory memory = low_memory();
        const Range kernel = *Range::make(start, kFourGiB - 1);
        const BootEntry entry = write_entry_state(memory, BootEntry::Mode::Long64, kernel);
        CHECK(translate(memory, entry.cr3, kernel.start()) == kernel.start());
        CHECK(translate(memory, entry.cr3, kernel.last()) == kernel.last());
    }
}

TEST_CASE("the GDT has the Linux boot protocol's selectors") {
    const GuestMemory memory = low_memory();
    const BootEntry entry = write_entry_state(memory, BootEntry::Mode::Long64, *Range::make(0, kPage));
    CHECK(entry.cs.selector == 0x10);
    CHECK(entry.data.selector == 0x18);
    CHECK(memory.read<std::uint64_t>(Gpa{entry.gdt_base + 0x10}) == 0x00af'9b00'0000'ffffU);
    CHECK(memory.read<std::uint64_t>(Gpa{entry.gdt_base + 0x18}) == 0x00cf'9300'0000'ffffU);
    CHECK(memory.read<std::uint64_t>(Gpa{entry.gdt_base + 0x20}) == 0x0000'8b00'0000'0067U);
    CHECK(entry.gdt_limit == 47);
}

TEST_CASE("the PVH state is flat 32-bit protected mode without paging, and TR is as Xen says") {
    const GuestMemory memory = low_memory();
    const BootEntry entry = write_entry_state(memory, BootEntry::Mode::Protected32, *Range::make(0, kPage));
    CHECK(entry.cr0 == 0x11);
    CHECK(entry.cr3 == 0);
    CHECK(entry.cr4 == 0);
    CHECK(entry.efer == 0);
    CHECK(entry.cs.db);
    CHECK_FALSE(entry.cs.l);
    CHECK(entry.cs.limit == 0xffff'ffff);
    CHECK(entry.tr.base == 0);
    CHECK(entry.tr.limit == 0x67);
    CHECK(entry.tr.type == 0xb);
    CHECK(memory.read<std::uint64_t>(Gpa{entry.gdt_base + 0x10}) == 0x00cf'9b00'0000'ffffU);
    CHECK(memory.read<std::uint64_t>(Gpa{kPageTables}) == 0U);
}
