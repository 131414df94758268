// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/pci_plan.hpp"

#include <fmt/format.h>

#include "arch/arm64/layout.hpp"
#include "arch/arm64/vdevs.hpp"
#include "arch/pci_places.hpp"
#include "devices/pci/host.hpp"

namespace qvm::arm64 {

namespace {

/// What is there without being named.
std::vector<Range> board_windows(const GicPlan& gic) {
    std::vector<Range> taken{power_key_node().window};
    for (const GicWindow& window : windows_of(gic)) taken.push_back(window.at);
    return taken;
}

void place(PciPlan& plan, const VmConfig& config, const GicPlan& gic, const PciReason& reason, Diagnostics& errors) {
    const std::vector<Range> taken = board_windows(gic);
    std::vector<Range> free = free_addresses(config, Range::make(kLowestPci, kPciEnd - kLowestPci).value(), taken);
    const auto ecam = take_highest(free, PciHost::kEcamSize);
    std::optional<Range> window;
    for (std::uint64_t size = kLargestPciWindow; ecam && !window && size >= kSmallestPciWindow; size /= 2)
        window = take_highest(free, size);
    if (!window)
        return errors.error(reason.where,
                            fmt::format("{} needs PCI, and from {:#x} to {:#x} no addresses are free for it",
                                        reason.what, kLowestPci, kPciEnd - 1),
                            "begin the 'ram' at 0x80000000, or give the vdev a 'loc' and an 'intr'");
    plan.ecam = ecam;
    plan.window = window;
}

/// There are far more than a configuration can name by hand; a list that names them all gets four that it has named.
/// Those of messages are not among them, unless they are the last ones.
std::vector<unsigned> choose_lines(const VmConfig& config, const GicPlan& gic) {
    constexpr std::size_t kPins = 4;
    const std::set<std::uint32_t> named = named_lines(config);
    std::vector<unsigned> lines;
    for (unsigned id = kFirstPciId; id < kPowerKeyId && lines.size() < kPins; ++id)
        if ((!named.contains(id) && !(gic.frame && gic.frame->has(id))) || kPowerKeyId - id <= kPins)
            lines.push_back(id);
    return lines;
}

}  // namespace

std::optional<PciPlan> plan_pci(const VmConfig& config, const GicPlan& gic, Diagnostics& errors) {
    const auto reason = why_pci(config);
    if (!reason) return std::nullopt;
    PciPlan plan{.lines = choose_lines(config, gic)};
    place(plan, config, gic, *reason, errors);
    return plan;
}

}  // namespace qvm::arm64
