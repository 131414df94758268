// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/memory_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "arch/x86/layout.hpp"

namespace qvm::x86 {
namespace {

void add_rows(std::vector<E820Entry>& rows, std::span<const Range> ranges, E820Entry::Type type,
              const std::optional<Range>& hole) {
    for (const Range& range : ranges)
        for (const Range& piece : hole ? without(range, *hole) : std::vector<Range>{range})
            rows.push_back({piece.start(), piece.size(), type});
}

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

std::string size_text(std::uint64_t bytes) {
    if (bytes == 0) return "0";
    if (bytes % kGiB == 0) return fmt::format("{}G", bytes / kGiB);
    if (bytes % kMiB == 0) return fmt::format("{}M", bytes / kMiB);
    return hex(bytes);
}

/// A line that begins low enough is cut at 3 GiB, which leaves room for vdevs below 4 GiB.
std::string split_hint(const Range& range) {
    constexpr std::uint64_t kCut = 3 * kGiB;
    if (range.start() >= kCut) return fmt::format("move it to 4 GiB: `ram 4G,{}`", size_text(range.size()));
    const std::uint64_t below = kCut - range.start();
    if (range.size() <= below) return "";
    return fmt::format("split it: `ram {},{}` and `ram 4G,{}`", size_text(range.start()), size_text(below),
                       size_text(range.size() - below));
}

void check_chipset_window(const MemorySpec& spec, Diagnostics& errors) {
    const Range window = from_to(kChipset, (spec.rom ? kFirmwareRom : kFourGiB) - 1);
    if (!spec.range.overlaps(window)) return;
    errors.error(spec.where,
                 fmt::format("{} {} to {} reaches into the chipset's addresses, {} to {}", spec.rom ? "rom" : "ram",
                             hex(spec.range.start()), hex(spec.range.last()), hex(window.start()), hex(window.last())),
                 spec.rom ? "end it below 0xfec00000 or begin at 0xff000000" : split_hint(spec.range));
}

}  // namespace

std::vector<Range> usable_ram(std::span<const MemorySpec> memory) {
    std::vector<Range> usable;
    for (const Range& range : memory_of_kind(memory, false))
        for (const Range& piece : without(range, from_to(kLowRamEnd, kHighRam - 1))) usable.push_back(piece);
    return usable;
}

Placement make_placement(std::span<const MemorySpec> memory) { return {declared_memory(memory), usable_ram(memory)}; }

std::vector<E820Entry> make_e820(std::span<const MemorySpec> memory, const std::optional<Range>& acpi,
                                 const std::optional<Range>& ecam) {
    const Range ebda = from_to(kLowRamEnd, kLegacyHole - 1);
    std::vector<E820Entry> rows;
    add_rows(rows, usable_ram(memory), E820Entry::Type::Ram, acpi);
    if (covers(memory_of_kind(memory, false), ebda)) add_rows(rows, {{ebda}}, E820Entry::Type::Reserved, acpi);
    add_rows(rows, memory_of_kind(memory, true), E820Entry::Type::Reserved, acpi);
    if (acpi) rows.push_back({acpi->start(), acpi->size(), E820Entry::Type::Acpi});
    if (ecam) rows.push_back({ecam->start(), ecam->size(), E820Entry::Type::Reserved});
    std::sort(rows.begin(), rows.end(), [](const E820Entry& a, const E820Entry& b) { return a.addr < b.addr; });

    std::vector<E820Entry> joined;
    for (const E820Entry& row : rows) {
        const bool continues =
            !joined.empty() && joined.back().type == row.type && joined.back().addr + joined.back().size == row.addr;
        if (continues)
            joined.back().size += row.size;
        else
            joined.push_back(row);
    }
    return joined;
}

void check_memory(const VmConfig& config, Diagnostics& errors) {
    for (const MemorySpec& spec : config.memory) check_chipset_window(spec, errors);
    if (usable_ram(config.memory).empty()) {
        const Location where = config.loads.empty() ? Place{Location{kNoSource, 0, 0, 0}} : config.loads.front().where;
        errors.error(where, "the VM has no RAM", "give it some above the first `load`, for example `ram 256M`");
    }
}

}  // namespace qvm::x86
