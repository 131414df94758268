// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/passed_tree.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/diagnostics.hpp"
#include "config/numbers.hpp"

namespace qvm::arm64 {
namespace {

/// By address, if it is one.
std::optional<FoundNode> find(const DeviceTree& tree, const std::string& name) {
    const auto address = parse_number(name);
    return address ? find_at(tree, *address) : find_named(tree, name);
}

}  // namespace

const TreeNode* node_at(const DeviceTree& tree, std::uint64_t address) {
    const auto found = find_at(tree, address);
    return found ? found->node : nullptr;
}

FoundNode PassedNodes::named(const PassedChip& chip) const {
    const PassNode& name = *chip.node;
    if (host_ == nullptr)
        throw ConfigError{name.where, "the host shows no device tree to copy a node from",
                          "root can read it (/sys/firmware/fdt), where the host was started with one"};
    const auto found = find(*host_, name.text);
    if (!found)
        throw ConfigError{name.where, fmt::format("the host's device tree has no node '{}'", name.text),
                          name.text.starts_with('/')
                              ? "its nodes are the directories in /sys/firmware/devicetree/base"
                              : "labels are known where the tree was compiled with dtc -@: write the node's path"};
    if (found->node->find("reg") != nullptr && !has_register_of(*found, chip))
        throw ConfigError{name.where,
                          fmt::format("{} is another device: none of its registers is passed", found->path()),
                          !found->reg.empty() && found->reg.front()
                              ? fmt::format("they are at {:#x} of the host", found->reg.front()->start())
                              : "the processor does not reach them"};
    return *found;
}

TreePassed PassedNodes::copy(const FoundNode& found, const PassedChip& chip) {
    NodeCopier copier{*host_, chip, account_};
    TreePassed copied = copier.copy(found);
    if (copier.cut()) cut_.push_back(found.path());
    return copied;
}

std::vector<TreePassed> PassedNodes::copy(const PassedChip& chip) {
    account_.bytes = 0;
    std::vector<TreePassed> all;
    if (chip.node) {
        all.push_back(copy(named(chip), chip));
        return all;
    }
    std::vector<const TreeNode*> done;
    for (const PassedChip::Region& region : chip.regions) {
        const auto found = host_ != nullptr ? find_at(*host_, region.host) : std::nullopt;
        if (!found) {
            untold_.push_back(region.guest.start());
            continue;
        }
        if (std::ranges::find(done, found->node) != done.end()) continue;
        done.push_back(found->node);
        all.push_back(copy(*found, chip));
    }
    return all;
}

}  // namespace qvm::arm64
