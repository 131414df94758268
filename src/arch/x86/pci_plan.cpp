// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/pci_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "arch/pci_places.hpp"
#include "arch/x86/layout.hpp"
#include "devices/pci/host.hpp"

namespace qvm::x86 {

namespace {

void report_no_room(const VmConfig& config, const PciReason& reason, Diagnostics& errors) {
    ConfigError error{reason.where,
                      fmt::format("{} needs PCI, and below {:#x} no addresses are free for it", reason.what, kChipset),
                      "end the 'ram' there at 3G and continue it at 4G, or give the vdev a 'loc' and an 'intr'"};
    const auto covers = [](const MemorySpec& memory) { return memory.range.last() >= kLowestPci; };
    const auto ram = std::ranges::find_if(config.memory, covers);
    if (ram == config.memory.end()) return errors.error(error);
    errors.error(std::move(error).noting(ram->where, "this memory is there"));
}

void place(PciPlan& plan, const VmConfig& config, const PciReason& reason, Diagnostics& errors) {
    std::vector<Range> free = free_addresses(config, Range::make(kHighRam, kChipset - kHighRam).value());
    const auto ecam = take_highest(free, PciHost::kEcamSize);
    std::optional<Range> window;
    for (std::uint64_t size = kLargestPciWindow; ecam && !window && size >= kSmallestPciWindow; size /= 2)
        window = take_highest(free, size);
    if (!window) return report_no_room(config, reason, errors);
    plan.ecam = ecam;
    plan.window = window;
}

std::vector<unsigned> choose_lines(const VmConfig& config, const PciReason& reason, Diagnostics& errors) {
    constexpr std::size_t kPins = 4;
    const std::set<std::uint32_t> named = named_lines(config);
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
