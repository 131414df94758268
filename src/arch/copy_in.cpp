// SPDX-License-Identifier: Apache-2.0
#include "arch/copy_in.hpp"

#include <algorithm>
#include <stdexcept>

namespace qvm {
namespace {

/// The block that `at` lies in; the plan has seen that there is one.
const GuestMemory::Block& block_at(const GuestMemory& memory, std::uint64_t at) {
    for (const GuestMemory::Block& block : memory.blocks())
        if (block.range.contains(at)) return block;
    throw std::logic_error{"the boot plan is for other guest memory"};
}

}  // namespace

void copy_in(const GuestMemory& memory, std::uint64_t at, ByteView bytes) {
    while (!bytes.empty()) {
        const Range& block = block_at(memory, at).range;
        const std::uint64_t room = block.size() - (at - block.start());
        const std::size_t length = static_cast<std::size_t>(std::min<std::uint64_t>(room, bytes.size()));
        if (!memory.write(Gpa{at}, bytes.first(length))) throw std::logic_error{"guest memory refused a write"};
        bytes = bytes.subspan(length);
        at += length;
    }
}

}  // namespace qvm
