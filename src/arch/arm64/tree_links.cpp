// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/tree_links.hpp"

#include <algorithm>
#include <array>

#include "arch/arm64/tree_search.hpp"

namespace qvm::arm64 {
namespace {

constexpr std::array kLinks{
    TreeLink{"clocks", "#clock-cells", "clock-names"},
    TreeLink{"resets", "#reset-cells", "reset-names"},
    TreeLink{"dmas", "#dma-cells", "dma-names"},
    TreeLink{"phys", "#phy-cells", "phy-names"},
    TreeLink{"mboxes", "#mbox-cells", "mbox-names"},
    TreeLink{"power-domains", "#power-domain-cells", "power-domain-names"},
    TreeLink{"iommus", "#iommu-cells"},
    TreeLink{"interconnects", "#interconnect-cells", "interconnect-names"},
    TreeLink{"nvmem-cells", "#nvmem-cell-cells", "nvmem-cell-names"},
    TreeLink{"io-channels", "#io-channel-cells", "io-channel-names"},
    TreeLink{"pwms", "#pwm-cells", "pwm-names"},
    TreeLink{"sound-dai", "#sound-dai-cells"},
    TreeLink{"thermal-sensors", "#thermal-sensor-cells"},
    TreeLink{"msi-parent", "#msi-cells"},
    TreeLink{"interrupts-extended", "#interrupt-cells", "interrupt-names"},
    TreeLink{"memory-region", {}, "memory-region-names"},
    TreeLink{"operating-points-v2"},
    TreeLink{"phy-handle"},
    TreeLink{"remote-endpoint"},
};
constexpr TreeLink kSupply{"-supply"};
constexpr TreeLink kGpios{"-gpios", "#gpio-cells"};
constexpr TreeLink kPins{"pinctrl-", {}, "pinctrl-names"};

/// Tables that join other trees' numbers, and settings that a guest's driver would make in the host's nodes.
constexpr std::array<std::string_view, 6> kBound{"linux,phandle", "interrupt-map", "interrupt-map-mask",
                                                 "iommu-map",     "msi-map",       "gpio-ranges"};

}  // namespace

const TreeLink* link_of(std::string_view property) noexcept {
    const auto found = std::ranges::find(kLinks, property, &TreeLink::name);
    if (found != kLinks.end()) return &*found;
    if (property.ends_with("-supply")) return &kSupply;
    if (property == "gpios" || property.ends_with("-gpio") || property.ends_with("-gpios")) return &kGpios;
    const bool pins = property.starts_with("pinctrl-") && property.find_first_not_of("0123456789", 8) == property.npos;
    return pins && property.size() > kPins.name.size() ? &kPins : nullptr;
}

bool is_bound_to_tree(std::string_view property) noexcept {
    return std::ranges::find(kBound, property) != kBound.end() || property.starts_with("assigned-clock");
}

std::optional<std::vector<std::uint32_t>> relinked(const DeviceTree& tree, const TreeLink& link,
                                                   std::vector<std::uint32_t> cells, const CopiedPhandles& copied) {
    for (std::size_t at = 0; at < cells.size();) {
        const auto copy = copied.find(cells[at]);
        const TreeNode* const other = find_phandle(tree, cells[at]);
        if (copy == copied.end() || other == nullptr) return std::nullopt;
        cells[at] = copy->second;
        at += std::size_t{1} + (link.cells.empty() ? 0 : other->number(link.cells).value_or(0));
    }
    return cells;
}

}  // namespace qvm::arm64
