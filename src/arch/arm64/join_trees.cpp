// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "arch/arm64/board_tree.hpp"

namespace qvm::arm64 {
namespace {

bool is_memory(const TreeNode& node) {
    const TreeProperty* type = node.find("device_type");
    constexpr std::string_view kMemory{"memory\0", 7};
    return type != nullptr && std::ranges::equal(type->value, std::as_bytes(std::span{kMemory}));
}

bool is_gic(const TreeNode& node) {
    return node.find("interrupt-controller") != nullptr &&
           (node.is_compatible("arm,gic") || node.is_compatible("arm,cortex-a15-gic"));
}

/// The first number of a `reg` of two cells.
std::optional<std::uint64_t> address_of(const TreeNode& node) {
    const TreeProperty* reg = node.find("reg");
    if (reg == nullptr || reg->value.size() < sizeof(std::uint64_t)) return std::nullopt;
    std::uint64_t value = 0;
    for (const std::byte byte : std::span{reg->value}.first(sizeof value))
        value = value << 8 | std::to_integer<std::uint64_t>(byte);
    return value;
}

void add_missing_properties(TreeNode& to, const TreeNode& from) {
    for (const TreeProperty& each : from.properties)
        if (to.find(each.name) == nullptr) to.properties.push_back(each);
}

void add_missing_children(TreeNode& to, const TreeNode& from) {
    for (const TreeNode& each : from.children)
        if (to.child(each.name) == nullptr) to.children.push_back(each);
}

/// Both have a node of that name at the top.
void join_node(TreeNode& user, const TreeNode& ours) {
    if (ours.name == "chosen") {
        for (const TreeProperty& each : ours.properties) user.set(each.name, each.value);
        return;
    }
    if (ours.name != "vdevs") return;
    add_missing_properties(user, ours);
    add_missing_children(user, ours);
}

std::size_t cpus_in(const TreeNode& cpus) {
    return static_cast<std::size_t>(
        std::ranges::count_if(cpus.children, [](const TreeNode& each) { return each.name.starts_with("cpu@"); }));
}

}  // namespace

const TreeNode* user_gic(const DeviceTree& user) {
    const auto found = std::ranges::find_if(user.root.children, is_gic);
    return found == user.root.children.end() ? nullptr : &*found;
}

void check_user_tree(const DeviceTree& user, const GicPlan& gic, std::size_t cpus, Location where,
                     Diagnostics& diagnostics) {
    for (const char* cells : {"#address-cells", "#size-cells"}) {
        const auto count = user.root.number(cells);
        if (count && *count != 2)
            diagnostics.error(where, fmt::format("the tree's root has {} of {}; it must be 2", cells, *count),
                              "qvm's own nodes join it there");
    }
    const TreeNode* controller = user_gic(user);
    if (controller != nullptr && address_of(*controller) != gic.distributor.start())
        diagnostics.error(where,
                          fmt::format("the tree has its interrupt controller at {:#x}, the VM at {:#x}",
                                      address_of(*controller).value_or(0), gic.distributor.start()),
                          "give the vdev gic the tree's addresses, or leave the node out");
    if (controller != nullptr && !controller->number("phandle"))
        diagnostics.error(where, "the tree's interrupt controller has no phandle", "compile the tree with dtc -@");
    const TreeNode* list = user.root.child("cpus");
    if (list != nullptr && cpus_in(*list) != cpus)
        diagnostics.error(where, fmt::format("the tree has {} CPUs, the VM {}", cpus_in(*list), cpus),
                          "leave /cpus out of the tree");
}

DeviceTree join_trees(DeviceTree user, const DeviceTree& ours) {
    std::erase_if(user.root.children, is_memory);
    add_missing_properties(user.root, ours.root);
    const bool has_gic = user_gic(user) != nullptr;
    for (const TreeNode& each : ours.root.children) {
        if (has_gic && is_gic(each)) continue;
        if (TreeNode* present = user.root.child(each.name))
            join_node(*present, each);
        else
            user.root.children.push_back(each);
    }
    user.reserved.insert(user.reserved.end(), ours.reserved.begin(), ours.reserved.end());
    return user;
}

}  // namespace qvm::arm64
