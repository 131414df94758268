// SPDX-License-Identifier: Apache-2.0
#include "arch/pci_places.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace qvm {

namespace {

using Space = GuestLocation::Space;
using Lines = std::set<std::uint32_t>;

constexpr std::uint64_t kSmallest = 4 * kKiB;  // of a vdev whose size nobody knows yet

void add(std::vector<Range>& taken, std::uint64_t start, std::uint64_t size) {
    if (const auto range = Range::make(start, size)) taken.push_back(*range);
}

void add(std::vector<Range>& taken, const VdevSpec& vdev) {
    const auto* place = vdev.get<GuestLocation>("loc");
    if (place == nullptr || place->space == Space::Io || place->space == Space::Pci) return;
    add(taken, place->address, std::max({place->length.value_or(0), vdev.syntax->footprint.size, kSmallest}));
}

/// What has a place in memory already, in order of address.
std::vector<Range> taken_memory(const VmConfig& config, std::span<const Range> board) {
    std::vector<Range> taken{board.begin(), board.end()};
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

void add(Lines& lines, const IntrSpec& intr) {
    if (intr.line) lines.insert(*intr.line);
}

}  // namespace

std::optional<PciReason> why_pci(const VmConfig& config) {
    for (const VdevSpec& vdev : config.vdevs)
        if (!vdev.damaged && vdev.on_pci()) return PciReason{fmt::format("vdev {}", vdev.syntax->type), vdev.where};
    for (const PassSpec& pass : config.passed)
        for (const PassLocation& location : pass.locations)
            if (location.guest.space == Space::Pci) return PciReason{"pass", location.where};
    return std::nullopt;
}

std::vector<Range> free_addresses(const VmConfig& config, const Range& within, std::span<const Range> board) {
    std::vector<Range> free;
    std::uint64_t start = within.start();
    for (const Range& taken : taken_memory(config, board)) {
        if (taken.start() > within.last()) break;
        if (taken.start() > start) add(free, start, taken.start() - start);
        if (taken.last() >= within.last()) {
            std::ranges::reverse(free);
            return free;
        }
        start = std::max(start, taken.last() + 1);
    }
    add(free, start, within.last() - start + 1);
    std::ranges::reverse(free);
    return free;
}

std::optional<Range> take_highest(std::vector<Range>& free, std::uint64_t size) {
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

}  // namespace qvm
