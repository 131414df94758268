// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/gic.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "arch/arm64/layout.hpp"

namespace qvm::arm64 {
namespace {

constexpr std::size_t kGicV2Cpus = 8;  // GICv2 architecture, IHI 0048, 1.3

class Planner {
public:
    Planner(const VmConfig& config, const VdevSpec* spec, Diagnostics& diagnostics)
        : config_{config}, spec_{spec}, diagnostics_{diagnostics} {}

    GicPlan plan() {
        const auto* version = spec_ != nullptr ? spec_->get<std::string>("version") : nullptr;
        const bool two = version != nullptr && *version == "2";
        refuse_options_of_other_version(two);
        GicPlan plan = two ? version_2() : version_3();
        plan.name = "gic";
        if (spec_ == nullptr) return plan;
        if (!spec_->name().empty()) plan.name = spec_->name();
        plan.where = spec_->where;
        if (const OptionValue* msi = spec_->find("msi"); msi != nullptr && two) plan.frame = frame(*msi);
        return plan;
    }

private:
    GicPlan version_2() {
        if (config_.cpus.size() > kGicV2Cpus)
            diagnostics_.error(config_.cpus[kGicV2Cpus].where,
                               fmt::format("a GIC of version 2 has at most {} CPUs", kGicV2Cpus),
                               "write `version 3` behind `vdev gic`, or leave vCPUs out");
        return {.version = 2,
                .distributor = window("gicd", kGicd2, kGicd2Size, kPage),
                .cpus = window("gicc", kGicc, kGiccSize, kPage)};
    }

    GicPlan version_3() {
        const std::uint64_t redistributors = kGicrSize * config_.cpus.size();
        GicPlan plan{.version = 3,
                     .distributor = window("gicd", kGicd3, kGicd3Size, kGicd3Size),
                     .cpus = window("gicr", kGicr, redistributors, kGicd3Size)};
        plan.its = its_beside(plan.distributor);
        return plan;
    }

    /// It keeps its distance from the distributor, wherever that is.
    static std::optional<Range> its_beside(const Range& distributor) {
        constexpr std::uint64_t kDistance = kIts - kGicd3;
        if (distributor.start() > UINT64_MAX - kDistance - kItsSize) return std::nullopt;
        return Range::make(distributor.start() + kDistance, kItsSize);
    }

    std::optional<GicMsiFrame> frame(const OptionValue& option) {
        const auto& numbers = std::get<std::vector<std::uint64_t>>(option.value);
        const auto refuse = [&](std::string what, std::string hint) -> std::optional<GicMsiFrame> {
            diagnostics_.error(option.where, std::move(what), std::move(hint));
            return std::nullopt;
        };
        if (numbers.size() != 3)
            return refuse("the MSI frame takes an address, its first interrupt and how many it has",
                          "write for instance `msi 0x30000000,0x50,0x40`");
        const auto at = Range::make(numbers[0], kPage);
        if (!at || numbers[0] % kPage != 0)
            return refuse(fmt::format("the MSI frame cannot be at {:#x}", numbers[0]),
                          fmt::format("it must be a multiple of {:#x}", kPage));
        const std::uint64_t first = numbers[1], count = numbers[2];
        if (first < kFirstSpi || first >= kPowerKeyId || count == 0 || count > kPowerKeyId - first)
            return refuse(fmt::format("the MSI frame cannot have {} interrupts from {} on", count, first),
                          fmt::format("those of messages are among {} to {}", kFirstSpi, kPowerKeyId - 1));
        return GicMsiFrame{*at, static_cast<unsigned>(first), static_cast<unsigned>(count)};
    }

    Range window(std::string_view option, std::uint64_t fallback, std::uint64_t size, std::uint64_t step) {
        const Range usual = Range::make(fallback, size).value();
        const OptionValue* given = spec_ != nullptr ? spec_->find(option) : nullptr;
        if (given == nullptr) return usual;
        const std::uint64_t start = std::get<std::uint64_t>(given->value);
        const auto range = Range::make(start, size);
        if (range && start % step == 0) return *range;
        diagnostics_.error(given->where, fmt::format("the GIC cannot have {} bytes at {:#x}", size, start),
                           fmt::format("it must be a multiple of {:#x}", step));
        return usual;
    }

    void refuse_options_of_other_version(bool two) {
        if (spec_ == nullptr) return;
        const OptionValue* wrong = spec_->find(two ? "gicr" : "gicc");
        if (wrong != nullptr)
            diagnostics_.error(wrong->where,
                               fmt::format("a GIC of version {} has no {}", two ? 2 : 3, wrong->spec->name));
        if (const OptionValue* msi = spec_->find("msi"); msi != nullptr && !two)
            diagnostics_.warning(msi->where, "a GIC of version 3 has no MSI frame here",
                                 "messages go to its interrupt translation service");
    }

    const VmConfig& config_;
    const VdevSpec* spec_;
    Diagnostics& diagnostics_;
};

}  // namespace

GicPlan plan_gic(const VmConfig& config, Diagnostics& diagnostics) {
    const VdevSpec* found = nullptr;
    for (const VdevSpec& spec : config.vdevs) {
        if (spec.syntax->type != "gic") continue;
        if (found != nullptr) {
            diagnostics.error(spec.where, "there is a second gic", "a guest has one; give both options to it");
            diagnostics.note(found->where, "the first is here");
            continue;
        }
        found = &spec;
    }
    return Planner{config, found, diagnostics}.plan();
}

std::vector<GicWindow> windows_of(const GicPlan& gic) {
    std::vector<GicWindow> windows{{gic.distributor, "gic distributor"},
                                   {gic.cpus, gic.version == 3 ? "gic redistributors" : "gic CPU interface"}};
    if (gic.frame) windows.push_back({gic.frame->at, "gic MSI frame"});
    if (gic.its) windows.push_back({*gic.its, "gic translation service"});
    return windows;
}

}  // namespace qvm::arm64
