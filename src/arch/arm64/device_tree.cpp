// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/device_tree.hpp"

#include <fmt/format.h>
#include <libfdt.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace qvm::arm64 {
namespace {

constexpr int kDeepest = 32;
constexpr std::size_t kFirstRoom = 64 * kKiB;

void append_big_endian(std::vector<std::byte>& to, std::uint64_t value, unsigned bytes) {
    for (unsigned shift = bytes * 8; shift != 0; shift -= 8) to.push_back(static_cast<std::byte>(value >> (shift - 8)));
}

int deepest(const void* fdt) {
    int most = 0;
    int depth = 0;
    for (int at = ::fdt_next_node(fdt, -1, &depth); at >= 0 && depth >= 0; at = ::fdt_next_node(fdt, at, &depth))
        most = std::max(most, depth);
    return most;
}

TreeNode parse_node(const void* fdt, int offset) {  // NOLINT(misc-no-recursion): why_no_tree() has seen how deep it is
    int length = 0;
    const char* name = ::fdt_get_name(fdt, offset, &length);
    TreeNode node{.name = {name, static_cast<std::size_t>(length)}};
    for (int at = ::fdt_first_property_offset(fdt, offset); at >= 0; at = ::fdt_next_property_offset(fdt, at)) {
        const char* property = nullptr;
        const void* value = ::fdt_getprop_by_offset(fdt, at, &property, &length);
        const auto* bytes = static_cast<const std::byte*>(value);
        node.properties.push_back({property, {bytes, bytes + length}});
    }
    for (int at = ::fdt_first_subnode(fdt, offset); at >= 0; at = ::fdt_next_subnode(fdt, at))
        node.children.push_back(parse_node(fdt, at));
    return node;
}

/// libfdt's errors while it writes.
class Overflow {};

void written(int result) {
    if (result == -FDT_ERR_NOSPACE) throw Overflow{};
    if (result < 0) throw std::logic_error{fmt::format("the device tree: {}", ::fdt_strerror(result))};
}

void write_node(void* fdt, const TreeNode& node) {  // NOLINT(misc-no-recursion): as above
    written(::fdt_begin_node(fdt, node.name.c_str()));
    for (const TreeProperty& each : node.properties)
        written(::fdt_property(fdt, each.name.c_str(), each.value.data(), static_cast<int>(each.value.size())));
    for (const TreeNode& child : node.children) write_node(fdt, child);
    written(::fdt_end_node(fdt));
}

void write_tree(void* fdt, std::size_t room, const DeviceTree& tree) {
    written(::fdt_create(fdt, static_cast<int>(room)));
    for (const Range& range : tree.reserved) written(::fdt_add_reservemap_entry(fdt, range.start(), range.size()));
    written(::fdt_finish_reservemap(fdt));
    write_node(fdt, tree.root);
    written(::fdt_finish(fdt));
}

}  // namespace

const TreeProperty* TreeNode::find(std::string_view property) const noexcept {
    const auto found = std::ranges::find(properties, property, &TreeProperty::name);
    return found == properties.end() ? nullptr : &*found;
}

TreeNode* TreeNode::child(std::string_view wanted) noexcept {
    const auto found = std::ranges::find(children, wanted, &TreeNode::name);
    return found == children.end() ? nullptr : &*found;
}

const TreeNode* TreeNode::child(std::string_view wanted) const noexcept {
    const auto found = std::ranges::find(children, wanted, &TreeNode::name);
    return found == children.end() ? nullptr : &*found;
}

std::optional<std::uint32_t> TreeNode::number(std::string_view property) const noexcept {
    const TreeProperty* found = find(property);
    if (found == nullptr || found->value.size() != sizeof(std::uint32_t)) return std::nullopt;
    std::uint32_t value = 0;
    for (const std::byte byte : found->value) value = value << 8 | std::to_integer<std::uint32_t>(byte);
    return value;
}

bool TreeNode::is_compatible(std::string_view beginning) const noexcept {
    const TreeProperty* found = find("compatible");
    if (found == nullptr) return false;
    std::string_view rest{reinterpret_cast<const char*>(found->value.data()), found->value.size()};
    while (!rest.empty()) {
        if (rest.starts_with(beginning)) return true;
        const auto end = rest.find('\0');
        if (end == std::string_view::npos) return false;
        rest.remove_prefix(end + 1);
    }
    return false;
}

TreeNode& TreeNode::add(std::string node) { return children.emplace_back(TreeNode{.name = std::move(node)}); }

void TreeNode::set(std::string_view property, std::vector<std::byte> value) {
    const auto found = std::ranges::find(properties, property, &TreeProperty::name);
    if (found != properties.end())
        found->value = std::move(value);
    else
        properties.push_back({std::string{property}, std::move(value)});
}

void TreeNode::texts(std::string_view property, std::span<const std::string_view> values) {
    std::vector<std::byte> bytes;
    for (const std::string_view value : values) {
        const auto letters = std::as_bytes(std::span{value});
        bytes.insert(bytes.end(), letters.begin(), letters.end());
        bytes.push_back(std::byte{0});
    }
    set(property, std::move(bytes));
}

void TreeNode::cells(std::string_view property, std::span<const std::uint32_t> values) {
    std::vector<std::byte> bytes;
    for (const std::uint32_t value : values) append_big_endian(bytes, value, sizeof value);
    set(property, std::move(bytes));
}

void TreeNode::wide(std::string_view property, std::initializer_list<std::uint64_t> values) {
    std::vector<std::byte> bytes;
    for (const std::uint64_t value : values) append_big_endian(bytes, value, sizeof value);
    set(property, std::move(bytes));
}

std::string why_no_tree(ByteView bytes) {
    if (bytes.size() < sizeof(fdt_header) || bytes.size() > INT32_MAX) return "is no device tree: its size is wrong";
    const int result = ::fdt_check_full(bytes.data(), bytes.size());
    if (result == -FDT_ERR_BADMAGIC) return "is no device tree";
    if (result < 0) return fmt::format("is a damaged device tree ({})", ::fdt_strerror(result));
    if (deepest(bytes.data()) > kDeepest) return fmt::format("is a device tree of more than {} levels", kDeepest);
    return {};
}

DeviceTree parse_tree(ByteView bytes) {
    DeviceTree tree{.root = parse_node(bytes.data(), 0)};
    const int count = ::fdt_num_mem_rsv(bytes.data());
    for (int i = 0; i < count; ++i) {
        std::uint64_t start = 0;
        std::uint64_t size = 0;
        if (::fdt_get_mem_rsv(bytes.data(), i, &start, &size) != 0) continue;
        if (const auto range = Range::make(start, size)) tree.reserved.push_back(*range);
    }
    return tree;
}

std::vector<std::byte> flatten(const DeviceTree& tree) {
    for (std::size_t room = kFirstRoom;; room *= 2) {
        std::vector<std::byte> bytes(room);
        try {
            write_tree(bytes.data(), room, tree);
        } catch (const Overflow&) {
            continue;
        }
        bytes.resize(fdt_totalsize(bytes.data()));
        return bytes;
    }
}

std::uint32_t last_phandle(const TreeNode& node) noexcept {  // NOLINT(misc-no-recursion): why_no_tree() limits it
    std::uint32_t last = node.number("phandle").value_or(0);
    for (const TreeNode& child : node.children) last = std::max(last, last_phandle(child));
    return last;
}

}  // namespace qvm::arm64
