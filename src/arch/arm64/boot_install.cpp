// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <stdexcept>

#include "arch/arm64/boot.hpp"
#include "arch/copy_in.hpp"
#include "vmm/error.hpp"

namespace qvm::arm64 {

std::vector<std::byte> make_tree(const BootPlan& plan, BoardTree board) {
    board.ram = plan.ram;
    board.reserved = plan.reserved;
    board.cmdline = plan.cmdline;
    board.initrd = plan.initrd;
    board.gic = plan.gic;
    if (!plan.user_tree) return flatten(make_board_tree(board, nullptr));
    return flatten(join_trees(*plan.user_tree, make_board_tree(board, &*plan.user_tree)));
}

BootEntry install_boot(const BootPlan& plan, const GuestMemory& memory, std::span<const std::byte> tree) {
    if (tree.size() > plan.tree.value().size())
        throw HostError{fmt::format("the device tree has {} bytes, more than the {} that were kept for it", tree.size(),
                                    plan.tree->size())};
    for (const BootBlob& blob : plan.blobs) copy_in(memory, blob.at.start(), blob.bytes);
    copy_in(memory, plan.tree->start(), tree);
    return {.pc = plan.entry, .x0 = plan.tree->start()};
}

}  // namespace qvm::arm64
