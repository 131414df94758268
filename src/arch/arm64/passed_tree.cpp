// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/passed_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <span>

#include "arch/arm64/layout.hpp"
#include "devices/platform/tree_bus.hpp"

namespace qvm::arm64 {
namespace {

constexpr std::uint32_t kSpi = 0, kLevelHigh = 4;  // arm,gic-v3.yaml
constexpr std::size_t kGicCells = 3;
constexpr std::uint32_t kUnknownRate = 24'000'000;

/// Those that are made anew, and those whose values point to other nodes or mean something to the host only.
constexpr std::array<std::string_view, 31> kLeftOut{"reg",
                                                    "reg-names",
                                                    "compatible",
                                                    "interrupts",
                                                    "interrupts-extended",
                                                    "interrupt-parent",
                                                    "interrupt-names",
                                                    "interrupt-map",
                                                    "interrupt-map-mask",
                                                    "clocks",
                                                    "phandle",
                                                    "linux,phandle",
                                                    "status",
                                                    "resets",
                                                    "reset-names",
                                                    "dmas",
                                                    "dma-names",
                                                    "iommus",
                                                    "iommu-map",
                                                    "power-domains",
                                                    "power-domain-names",
                                                    "phys",
                                                    "phy-names",
                                                    "mboxes",
                                                    "nvmem-cells",
                                                    "msi-parent",
                                                    "msi-map",
                                                    "interconnects",
                                                    "memory-region",
                                                    "gpio-ranges",
                                                    "operating-points-v2"};

bool is_left_out(std::string_view name) noexcept {
    return std::ranges::find(kLeftOut, name) != kLeftOut.end() || name.starts_with("assigned-clock") ||
           name.starts_with("pinctrl-") || name.ends_with("-supply") || name.ends_with("-gpio") ||
           name.ends_with("-gpios");
}

std::vector<std::uint32_t> cells_of(const TreeNode& node, std::string_view property) {
    const TreeProperty* const found = node.find(property);
    return found == nullptr ? std::vector<std::uint32_t>{} : tree_cells(found->value);
}

std::vector<std::string> texts_of(const TreeNode& node, std::string_view property) {
    const TreeProperty* const found = node.find(property);
    if (found == nullptr) return {};
    std::vector<std::string> all;
    std::string_view rest{reinterpret_cast<const char*>(found->value.data()), found->value.size()};
    while (!rest.empty()) {
        const std::string_view one = rest.substr(0, rest.find('\0'));
        if (!one.empty()) all.emplace_back(one);
        rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    }
    return all;
}

/// A node with the nodes above it, the root first.
struct Found {
    const TreeNode* node;
    std::vector<const TreeNode*> above;
    std::vector<std::optional<Range>> reg;  ///< as the processor sees it; nothing: it does not
};

TreeBus bus_of(const TreeNode& node) {
    TreeBus bus;
    bus.address_cells = node.number("#address-cells").value_or(bus.address_cells);
    bus.size_cells = node.number("#size-cells").value_or(bus.size_cells);
    if (node.find("ranges") != nullptr) bus.ranges = cells_of(node, "ranges");
    return bus;
}

std::vector<std::optional<Range>> registers_of(const TreeNode& node, std::span<const TreeNode* const> above) {
    std::vector<TreeBus> buses;
    for (const TreeNode* each : above) buses.push_back(bus_of(*each));
    return registers_behind(buses, cells_of(node, "reg"));
}

using Visitor = std::function<bool(const Found&)>;

/// Until the visitor is content. NOLINTNEXTLINE(misc-no-recursion): why_no_tree() has seen how deep it is
bool walk(const TreeNode& node, std::vector<const TreeNode*>& above, const Visitor& visit) {
    if (!above.empty() && visit({&node, above, registers_of(node, above)})) return true;
    above.push_back(&node);
    for (const TreeNode& child : node.children)
        if (walk(child, above, visit)) return true;
    above.pop_back();
    return false;
}

std::optional<Found> find_at(const DeviceTree& tree, std::uint64_t address) {
    std::optional<Found> found;
    std::vector<const TreeNode*> above;
    (void)walk(tree.root, above, [&](const Found& each) {
        const bool has =
            std::ranges::any_of(each.reg, [&](const auto& range) { return range && range->contains(address); });
        // The root's memory is no device.
        if (has && each.node->find("compatible") != nullptr) found = each;
        return found.has_value();
    });
    return found;
}

const TreeNode* find_phandle(const DeviceTree& tree, std::uint32_t phandle) {
    const TreeNode* found = nullptr;
    std::vector<const TreeNode*> above;
    (void)walk(tree.root, above, [&](const Found& each) {
        if (each.node->number("phandle") == phandle) found = each.node;
        return found != nullptr;
    });
    return found;
}

bool is_gic(const TreeNode* node) {
    return node != nullptr && node->number("#interrupt-cells") == kGicCells &&
           (node->is_compatible("arm,gic") || node->is_compatible("arm,cortex-a15-gic"));
}

/// IDs of the host's; nothing for those that are not the GIC's shared ones.
std::vector<std::optional<unsigned>> interrupts_of(const DeviceTree& tree, const Found& found) {
    std::vector<std::uint32_t> cells = cells_of(*found.node, "interrupts-extended");
    std::size_t skip = 1;  // the phandle
    const TreeNode* parent = cells.empty() ? nullptr : find_phandle(tree, cells.front());
    if (cells.empty()) {
        cells = cells_of(*found.node, "interrupts");
        skip = 0;
        std::optional<std::uint32_t> phandle = found.node->number("interrupt-parent");
        for (std::size_t i = found.above.size(); !phandle && i-- > 0;)
            phandle = found.above[i]->number("interrupt-parent");
        if (phandle) parent = find_phandle(tree, *phandle);
    }
    if (!is_gic(parent)) return {};
    std::vector<std::optional<unsigned>> all;
    const std::size_t row = skip + kGicCells;
    for (std::size_t at = 0; at + row <= cells.size(); at += row) {
        const bool shared = cells[at + skip] == kSpi;
        all.push_back(shared ? std::optional{cells[at + skip + 1] + kFirstSpi} : std::nullopt);
    }
    return all;
}

/// The rates of the clocks that the node names, as far as the host's tree knows them.
std::vector<std::uint32_t> clocks_of(const DeviceTree& tree, const TreeNode& node) {
    std::vector<std::uint32_t> rates;
    const std::vector<std::uint32_t> cells = cells_of(node, "clocks");
    for (std::size_t at = 0; at < cells.size();) {
        const TreeNode* const clock = find_phandle(tree, cells[at]);
        if (clock == nullptr) break;
        const bool fixed = clock->is_compatible("fixed-clock");
        rates.push_back(fixed ? clock->number("clock-frequency").value_or(kUnknownRate) : kUnknownRate);
        at += std::size_t{1} + clock->number("#clock-cells").value_or(0);
    }
    return rates;
}

/// A host whose UIO driver has the device calls it something that no other driver knows, or leaves out that it is a
/// PrimeCell, for which the host's kernel would make no platform device. The guest's driver needs the latter.
std::vector<std::string> compatible_of(const TreeNode& node) {
    constexpr std::string_view kPrimeCell = "arm,primecell";
    std::vector<std::string> all = texts_of(node, "compatible");
    std::erase(all, "generic-uio");
    const bool prime = std::ranges::any_of(
        all, [](const std::string& each) { return each.starts_with("arm,pl") || each.starts_with("arm,sp"); });
    if (prime && std::ranges::find(all, kPrimeCell) == all.end()) all.emplace_back(kPrimeCell);
    return all;
}

void set_texts(TreeNode& node, std::string_view property, const std::vector<std::string>& values) {
    const std::vector<std::string_view> views{values.begin(), values.end()};
    if (!views.empty()) node.texts(property, views);
}

/// Names go with what they name: one that has lost a partner would name another's.
void keep_names(const TreeNode& from, TreeNode& to, std::string_view names, std::size_t before, std::size_t after) {
    if (before == after) set_texts(to, names, texts_of(from, names));
}

class Copier {
public:
    Copier(const DeviceTree& host, const PassedChip& chip) : host_{host}, chip_{chip} {}

    TreePassed copy(const Found& found) const {
        TreePassed out{.node = {}, .clocks = clocks_of(host_, *found.node)};
        set_texts(out.node, "compatible", compatible_of(*found.node));
        copy_registers(found, out.node);
        copy_interrupts(found, out.node);
        for (const TreeProperty& each : found.node->properties)
            if (!is_left_out(each.name)) out.node.set(each.name, each.value);
        return out;
    }

private:
    void copy_registers(const Found& found, TreeNode& to) const {
        std::vector<std::uint32_t> cells;
        std::size_t kept = 0;
        for (const auto& reg : found.reg) {
            const auto part = std::ranges::find_if(
                chip_.regions, [&](const PassedChip::Region& each) { return reg && reg->contains(each.host); });
            if (part == chip_.regions.end()) continue;
            if (kept++ == 0) to.name = unit_name(*found.node, part->guest.start());
            for (const std::uint64_t value : {part->guest.start(), std::min(part->guest.size(), reg->size())})
                cells.insert(cells.end(), {static_cast<std::uint32_t>(value >> 32), static_cast<std::uint32_t>(value)});
        }
        to.cells("reg", cells);
        keep_names(*found.node, to, "reg-names", found.reg.size(), kept);
    }

    static std::string unit_name(const TreeNode& node, std::uint64_t address) {
        return fmt::format("{}@{:x}", node.name.substr(0, node.name.find('@')), address);
    }

    /// The guest sees a level, whatever the device has: it is masked until the guest has dealt with it.
    void copy_interrupts(const Found& found, TreeNode& to) const {
        const auto all = interrupts_of(host_, found);
        std::vector<std::uint32_t> cells;
        for (const auto& id : all) {
            const auto passed = std::ranges::find_if(
                chip_.interrupts, [&](const PassedChip::Interrupt& each) { return id && each.host == id; });
            if (passed != chip_.interrupts.end())
                cells.insert(cells.end(), {kSpi, passed->guest - kFirstSpi, kLevelHigh});
        }
        if (!cells.empty()) to.cells("interrupts", cells);
        keep_names(*found.node, to, "interrupt-names", all.size(), cells.size() / kGicCells);
    }

    const DeviceTree& host_;
    const PassedChip& chip_;
};

}  // namespace

const TreeNode* node_at(const DeviceTree& tree, std::uint64_t address) {
    const auto found = find_at(tree, address);
    return found ? found->node : nullptr;
}

std::vector<TreePassed> passed_nodes(const DeviceTree& host, const PassedChip& chip,
                                     std::vector<std::uint64_t>& untold) {
    std::vector<TreePassed> all;
    std::vector<const TreeNode*> done;
    for (const PassedChip::Region& region : chip.regions) {
        const auto found = find_at(host, region.host);
        if (!found) {
            untold.push_back(region.guest.start());
            continue;
        }
        if (std::ranges::find(done, found->node) != done.end()) continue;
        done.push_back(found->node);
        all.push_back(Copier{host, chip}.copy(*found));
    }
    return all;
}

}  // namespace qvm::arm64
