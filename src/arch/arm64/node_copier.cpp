// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/node_copier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "arch/arm64/layout.hpp"

namespace qvm::arm64 {
namespace {

constexpr std::uint32_t kSpi = 0, kLevelHigh = 4;  // arm,gic-v3.yaml
constexpr std::size_t kGicCells = 3;
constexpr std::uint32_t kUnknownRate = 24'000'000;
constexpr unsigned kDeepest = 8;
/// What a property or node takes besides its value (Devicetree Specification 0.3, 5.4), names included, about.
constexpr std::size_t kOverhead = 32;

/// Those that are made anew.
constexpr std::array<std::string_view, 7> kAnew{
    "compatible", "interrupts", "interrupts-extended", "interrupt-parent", "clocks", "interrupt-names", "status"};
/// And those that are made anew of what the processor sees.
constexpr std::array<std::string_view, 3> kAnewMapped{"reg", "reg-names", "ranges"};

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

std::size_t size_of(const TreeNode& node) noexcept {
    std::size_t size = kOverhead + node.name.size();
    for (const TreeProperty& each : node.properties) size += kOverhead + each.value.size();
    return size;
}

bool is_okay(const TreeNode& node) {
    const std::vector<std::string> status = texts_of(node, "status");
    return status.empty() || status.front() == "okay" || status.front() == "ok";
}

std::string unit_name(const TreeNode& node, std::uint64_t address) {
    return fmt::format("{}@{:x}", node.name.substr(0, node.name.find('@')), address);
}

}  // namespace

bool has_register_of(const FoundNode& found, const PassedChip& chip) {
    return std::ranges::any_of(chip.regions, [&](const PassedChip::Region& region) {
        return std::ranges::any_of(found.reg, [&](const auto& reg) { return reg && reg->contains(region.host); });
    });
}

TreePassed NodeCopier::copy(const FoundNode& top) {
    if (!top.node->children.empty()) number_phandles(*top.node, 0);
    TreePassed out = copy_one(top, true);
    copy_below(top, out, 0);
    return out;
}

/// NOLINTNEXTLINE(misc-no-recursion): as deep as copies go
void NodeCopier::number_phandles(const TreeNode& node, unsigned depth) {
    if (const auto phandle = node.number("phandle")) phandles_.emplace(*phandle, account_.next_phandle++);
    if (depth == kDeepest) return;
    for (const TreeNode& child : node.children)
        if (is_okay(child)) number_phandles(child, depth + 1);
}

/// What has `ranges` is a bus: the addresses below it are the processor's. Others have numbers of their own kind below.
/// NOLINTNEXTLINE(misc-no-recursion): as deep as copies go
void NodeCopier::copy_below(const FoundNode& found, TreePassed& to, unsigned depth) {
    const bool mapped = found.node->find("ranges") != nullptr;
    if (mapped) {
        to.node.cells("#address-cells", {2});
        to.node.cells("#size-cells", {2});
        to.node.flag("ranges");
    }
    for (const TreeNode& child : found.node->children) {
        const FoundNode below = found.below(child);
        if (!is_wanted(below, mapped)) continue;
        TreePassed copied = copy_one(below, mapped);
        account_.bytes += size_of(copied.node);
        if (depth == kDeepest || account_.bytes > kMostPassedTree / 2) {
            cut_ = true;
            return;
        }
        copy_below(below, copied, depth + 1);
        to.below.push_back(std::move(copied));
    }
}

/// Of devices on a bus those that the guest has.
bool NodeCopier::is_wanted(const FoundNode& child, bool mapped) const {
    if (!is_okay(*child.node)) return false;
    if (!mapped || child.reg.empty()) return true;
    return has_register_of(child, chip_);
}

/// `mapped`: its registers are the processor's.
TreePassed NodeCopier::copy_one(const FoundNode& found, bool mapped) const {
    TreePassed out{.node = {.name = found.node->name}};
    set_texts(out.node, "compatible", compatible_of(*found.node));
    if (mapped) copy_registers(found, out.node);
    copy_interrupts(found, out.node);
    copy_clocks(found, out);
    copy_rest(*found.node, out.node, mapped);
    return out;
}

void NodeCopier::copy_registers(const FoundNode& found, TreeNode& to) const {
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
    if (!cells.empty()) to.cells("reg", cells);
    keep_names(*found.node, to, "reg-names", found.reg.size(), kept);
}

/// Of the GIC's the guest sees a level, whatever the device has: it is masked until the guest has dealt with it. Those
/// of a controller that is copied, too, are as they are.
void NodeCopier::copy_interrupts(const FoundNode& found, TreeNode& to) const {
    const TreeProperty* const plain = found.node->find("interrupts");
    const TreeNode* const parent = interrupt_parent(host_, found);
    const auto copied = parent != nullptr ? phandles_.find(parent->number("phandle").value_or(0)) : phandles_.end();
    if (const TreeProperty* extended = found.node->find("interrupts-extended")) {
        copy_link(*found.node, *link_of(extended->name), *extended, to);
    } else if (plain != nullptr && copied != phandles_.end()) {
        to.set(plain->name, plain->value);
        to.cells("interrupt-parent", {copied->second});
        set_texts(to, "interrupt-names", texts_of(*found.node, "interrupt-names"));
    }
    if (to.find("interrupts") != nullptr || to.find("interrupts-extended") != nullptr) return;
    const auto all = gic_interrupts(host_, found);
    std::vector<std::uint32_t> cells;
    for (const auto& id : all) {
        const auto passed = std::ranges::find_if(
            chip_.interrupts, [&](const PassedChip::Interrupt& each) { return id && each.host == id; });
        if (passed != chip_.interrupts.end()) cells.insert(cells.end(), {kSpi, passed->guest - kFirstSpi, kLevelHigh});
    }
    if (!cells.empty()) to.cells("interrupts", cells);
    keep_names(*found.node, to, "interrupt-names", all.size(), cells.size() / kGicCells);
}

/// Clocks of the host's become fixed ones, of the rate that its tree knows.
void NodeCopier::copy_clocks(const FoundNode& found, TreePassed& to) const {
    const std::vector<std::uint32_t> cells = cells_of(*found.node, "clocks");
    if (cells.empty()) return;
    if (const auto own = relinked(host_, *link_of("clocks"), cells, phandles_)) return to.node.cells("clocks", *own);
    for (std::size_t at = 0; at < cells.size();) {
        const TreeNode* const clock = find_phandle(host_, cells[at]);
        if (clock == nullptr) break;
        const bool fixed = clock->is_compatible("fixed-clock");
        to.clocks.push_back(fixed ? clock->number("clock-frequency").value_or(kUnknownRate) : kUnknownRate);
        at += std::size_t{1} + clock->number("#clock-cells").value_or(0);
    }
}

void NodeCopier::copy_link(const TreeNode& from, const TreeLink& link, const TreeProperty& property,
                           TreeNode& to) const {
    const auto cells = relinked(host_, link, cells_of(from, property.name), phandles_);
    if (!cells) return;
    to.cells(property.name, *cells);
    if (!link.names.empty()) set_texts(to, link.names, texts_of(from, link.names));
}

void NodeCopier::copy_rest(const TreeNode& from, TreeNode& to, bool mapped) const {
    const auto is_in = [](const auto& list, std::string_view name) {
        return std::ranges::find(list, name) != list.end();
    };
    const auto is_partner = [&](std::string_view name) {
        return std::ranges::any_of(from.properties, [&](const TreeProperty& each) {
            const TreeLink* const link = link_of(each.name);
            return link != nullptr && link->names == name && each.name != "clocks";
        });
    };
    for (const TreeProperty& each : from.properties) {
        if (is_in(kAnew, each.name) || (mapped && is_in(kAnewMapped, each.name)) || is_bound_to_tree(each.name))
            continue;
        if (each.name == "phandle") {
            if (const auto found = phandles_.find(from.number("phandle").value_or(0)); found != phandles_.end())
                to.cells("phandle", {found->second});
        } else if (const TreeLink* link = link_of(each.name)) {
            copy_link(from, *link, each, to);
        } else if (!is_partner(each.name)) {
            to.set(each.name, each.value);
        }
    }
}

}  // namespace qvm::arm64
