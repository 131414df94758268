// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/pci_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "arch/x86/layout.hpp"
#include "devices/pci/host.hpp"

namespace qvm::x86 {

namespace {

using Space = GuestLocation::Space;

/// What of the configuration needs PCI, for messages.
struct Reason {
    std::string what;
    Location where;
};

std::optional<Reason> why_pci(const VmConfig& config) {
    for (const VdevSpec& vdev : config.vdevs)
        if (!vdev.damaged && vdev.on_pci()) return Reason{fmt::format("vdev {}", vdev.syntax->type), vdev.where};
    for (const PassSpec& pass : config.passed)
        for (const PassLocation& location : pass.locations)
            if (location.guest.space == Space::Pci) return Reason{"pass", location.where};
    return std::nullopt;
}

// ---- addresses

void add(std::vector<Range>& taken, std::uint64_t start, std::uint64_t size) {
    if (const auto range = Range::make(start, size)) taken.push_back(*range);
}

void add(std::vector<Range>& taken, const VdevSpec& vdev) {
    const auto* place = vdev.get<GuestLocation>("loc");
    if (place == nullptr || place->space == Space::Io || place->space == Space::Pci) return;
    add(taken, place->address, std::max({place->length.value_or(0), vdev.syntax->footprint.size, kPage}));
}

/// What has a place in memory already, in order of address.
std::vector<Range> taken_memory(const VmConfig& config) {
    std::vector<Range> taken;
    for (const MemorySpec& memory : config.memory) taken.push_back(memory.range);
    for (const VdevSpec& vdev : config.vdevs) add(taken, vdev);
    for (const PassSpec& pass : config.passed)
        for (const PassLocation& location : pass.locations)
            if (location.guest.space == Space::Default || location.guest.space == Space::Memory)
                add(taken, location.guest.address, location.guest.length.value_or(kDefaultPassLength));
    for (const ReserveSpec& reserve : config.reserved) {
        const auto* place = std::get_if<GuestLocation>(&reserve.what);
        if (place != nullptr && (place->space == Space::Default || place->space == Space::Memory))
            add(taken, place->address, place->length.value_or(1));
    }
    std::ranges::sort(taken, {}, &Range::start);
    return taken;
}

/// Free stretches below the chipset's addresses, the highest first.
std::vector<Range> free_stretches(const VmConfig& config) {
    std::vector<Range> free;
    std::uint64_t start = kHighRam;
    for (const Range& taken : taken_memory(config)) {
        const std::uint64_t end = std::min(taken.start(), kChipset);
        if (end > start) add(free, start, end - start);
        start = std::max(start, std::min(taken.last(), kChipset) + 1);
    }
    if (start < kChipset) add(free, start, kChipset - start);
    std::ranges::reverse(free);
    return free;
}

/// The highest place for `size` bytes, a power of two, aligned to it; it is no longer free then.
std::optional<Range> take(std::vector<Range>& free, std::uint64_t size) {
    for (std::size_t i = 0; i < free.size(); ++i) {
        const Range stretch = free[i];
        if (stretch.size() < size) continue;
        const std::uint64_t start = align_down(stretch.last() - (size - 1), size);
        if (start < stretch.start()) continue;
        std::vector<Range> rest;
        add(rest, start + size, stretch.last() - (start + (size - 1)));
        add(rest, stretch.start(), start - stretch.start());
        free.erase(free.begin() + static_cast<std::ptrdiff_t>(i));
        free.insert(free.begin() + static_cast<std::ptrdiff_t>(i), rest.begin(), rest.end());
        return Range::make(start, size);
    }
    return std::nullopt;
}

void report_no_room(const VmConfig& config, const Reason& reason, Diagnostics& errors) {
    ConfigError error{reason.where,
                      fmt::format("{} needs PCI, and below {:#x} no addresses are free for it", reason.what, kChipset),
                      "end the 'ram' there at 3G and continue it at 4G, or give the vdev a 'loc' and an 'intr'"};
    const auto covers = [](const MemorySpec& memory) { return memory.range.last() >= kLowestPci; };
    const auto ram = std::ranges::find_if(config.memory, covers);
    if (ram == config.memory.end()) return errors.error(error);
    errors.error(std::move(error).noting(ram->where, "this memory is there"));
}

void place(PciPlan& plan, const VmConfig& config, const Reason& reason, Diagnostics& errors) {
    std::vector<Range> free = free_stretches(config);
    const auto ecam = take(free, PciHost::kEcamSize);
    std::optional<Range> window;
    for (std::uint64_t size = kLargestPciWindow; ecam && !window && size >= kSmallestPciWindow; size /= 2)
        window = take(free, size);
    if (!window) return report_no_room(config, reason, errors);
    plan.ecam = ecam;
    plan.window = window;
}

// ---- interrupt lines

using Lines = std::set<std::uint32_t>;

void add(Lines& lines, const IntrSpec& intr) {
    if (intr.line) lines.insert(*intr.line);
}

/// Lines that the configuration names, of whichever controller.
Lines named_lines(const VmConfig& config) {
    Lines lines;
    for (const VdevSpec& vdev : config.vdevs)
        for (const OptionValue& option : vdev.options) {
            if (const auto* one = std::get_if<IntrSpec>(&option.value)) add(lines, *one);
            if (const auto* several = std::get_if<std::vector<IntrSpec>>(&option.value))
                for (const IntrSpec& each : *several) add(lines, each);
        }
    for (const PassSpec& pass : config.passed)
        for (const PassIntr& intr : pass.interrupts) add(lines, intr.guest);
    for (const ReserveSpec& reserve : config.reserved)
        if (const auto* intr = std::get_if<IntrSpec>(&reserve.what)) add(lines, *intr);
    return lines;
}

std::vector<unsigned> choose_lines(const VmConfig& config, const Reason& reason, Diagnostics& errors) {
    constexpr std::size_t kPins = 4;
    const Lines named = named_lines(config);
    std::vector<unsigned> lines;
    for (unsigned line = kFirstPciLine; line <= kLastPciLine && lines.size() < kPins; ++line)
        if (!named.contains(line)) lines.push_back(line);
    if (!lines.empty()) return lines;
    errors.error(reason.where,
                 fmt::format("{} needs PCI, and the interrupt lines {} to {} are all taken", reason.what, kFirstPciLine,
                             kLastPciLine),
                 "leave PCI one of them");
    return {kFirstPciLine};
}

}  // namespace

std::optional<PciPlan> plan_pci(const VmConfig& config, Diagnostics& errors) {
    const auto reason = why_pci(config);
    if (!reason) return std::nullopt;
    PciPlan plan{.lines = choose_lines(config, *reason, errors)};
    place(plan, config, *reason, errors);
    return plan;
}

}  // namespace qvm::x86
