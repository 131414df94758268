// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/tree_search.hpp"

#include <algorithm>
#include <functional>
#include <span>

#include "arch/arm64/layout.hpp"
#include "devices/platform/tree_bus.hpp"

namespace qvm::arm64 {
namespace {

constexpr std::uint32_t kSpi = 0;  // arm,gic-v3.yaml
constexpr std::size_t kGicCells = 3;

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

using Visitor = std::function<bool(const TreeNode&, const std::vector<const TreeNode*>&)>;

/// Until the visitor is content. NOLINTNEXTLINE(misc-no-recursion): why_no_tree() has seen how deep it is
bool walk(const TreeNode& node, std::vector<const TreeNode*>& above, const Visitor& visit) {
    if (!above.empty() && visit(node, above)) return true;
    above.push_back(&node);
    for (const TreeNode& child : node.children)
        if (walk(child, above, visit)) return true;
    above.pop_back();
    return false;
}

bool is_gic(const TreeNode* node) {
    return node != nullptr && node->number("#interrupt-cells") == kGicCells &&
           (node->is_compatible("arm,gic") || node->is_compatible("arm,cortex-a15-gic"));
}

std::string_view without_address(std::string_view name) { return name.substr(0, name.find('@')); }

/// Null if there is none, or no only one.
const TreeNode* child_named(const TreeNode& node, std::string_view name) {
    if (const TreeNode* exact = node.child(name)) return exact;
    const auto fits = [&](const TreeNode& each) { return without_address(each.name) == name; };
    const auto found = std::ranges::find_if(node.children, fits);
    return std::ranges::count_if(node.children, fits) == 1 ? &*found : nullptr;
}

std::optional<FoundNode> find_path(const DeviceTree& tree, std::string_view path) {
    FoundNode found{&tree.root, {}, {}};
    while (!path.empty()) {
        path.remove_prefix(1);  // the slash
        const std::string_view part = path.substr(0, path.find('/'));
        const TreeNode* const child = child_named(*found.node, part);
        if (child == nullptr) return std::nullopt;
        found = found.below(*child);
        path.remove_prefix(part.size());
    }
    return found.above.empty() ? std::nullopt : std::optional{found};
}

}  // namespace

std::string FoundNode::path() const {
    std::string text;
    for (const TreeNode* each : above)
        if (each != above.front()) text += '/' + each->name;
    return text + '/' + node->name;
}

FoundNode FoundNode::below(const TreeNode& child) const {
    FoundNode found{&child, above, {}};
    found.above.push_back(node);
    found.reg = registers_of(child, found.above);
    return found;
}

std::optional<FoundNode> find_at(const DeviceTree& tree, std::uint64_t address) {
    std::optional<FoundNode> found;
    std::vector<const TreeNode*> above;
    (void)walk(tree.root, above, [&](const TreeNode& node, const std::vector<const TreeNode*>& path) {
        auto reg = registers_of(node, path);
        const bool has = std::ranges::any_of(reg, [&](const auto& range) { return range && range->contains(address); });
        // The root's memory is no device.
        if (has && node.find("compatible") != nullptr) found = FoundNode{&node, path, std::move(reg)};
        return found.has_value();
    });
    return found;
}

std::optional<FoundNode> find_named(const DeviceTree& tree, std::string_view name) {
    if (name.starts_with('/')) return find_path(tree, name);
    for (const char* list : {"__symbols__", "aliases"}) {
        const TreeNode* const names = tree.root.child(list);
        const auto paths = names != nullptr ? texts_of(*names, name) : std::vector<std::string>{};
        if (paths.size() == 1 && paths.front().starts_with('/')) return find_path(tree, paths.front());
    }
    return std::nullopt;
}

const TreeNode* find_phandle(const DeviceTree& tree, std::uint32_t phandle) {
    const TreeNode* found = nullptr;
    std::vector<const TreeNode*> above;
    (void)walk(tree.root, above, [&](const TreeNode& node, const std::vector<const TreeNode*>&) {
        if (node.number("phandle") == phandle) found = &node;
        return found != nullptr;
    });
    return found;
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

/// As Linux 6.1 does, of_irq_find_parent(): a node above that is a controller is one as well.
const TreeNode* interrupt_parent(const DeviceTree& tree, const FoundNode& found) {
    const TreeNode* at = found.node;
    for (std::size_t up = found.above.size();; --up) {
        if (const auto phandle = at->number("interrupt-parent")) return find_phandle(tree, *phandle);
        if (up == 0) return nullptr;
        at = found.above[up - 1];
        if (at->find("#interrupt-cells") != nullptr) return at;
    }
}

std::vector<std::optional<unsigned>> gic_interrupts(const DeviceTree& tree, const FoundNode& found) {
    std::vector<std::uint32_t> cells = cells_of(*found.node, "interrupts-extended");
    const std::size_t skip = cells.empty() ? 0 : 1;  // the phandle
    const TreeNode* const parent = cells.empty() ? interrupt_parent(tree, found) : find_phandle(tree, cells.front());
    if (cells.empty()) cells = cells_of(*found.node, "interrupts");
    if (!is_gic(parent)) return {};
    std::vector<std::optional<unsigned>> all;
    const std::size_t row = skip + kGicCells;
    for (std::size_t at = 0; at + row <= cells.size(); at += row) {
        const bool shared = cells[at + skip] == kSpi;
        all.push_back(shared ? std::optional{cells[at + skip + 1] + kFirstSpi} : std::nullopt);
    }
    return all;
}

}  // namespace qvm::arm64
