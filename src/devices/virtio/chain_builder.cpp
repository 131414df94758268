// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/chain_builder.hpp"

#include <algorithm>

namespace qvm {

namespace {

/// The block of `at`, first looked for where the last one was.
const GuestMemory::Block* find(const GuestMemory& memory, const GuestMemory::Block*& last, Gpa at) noexcept {
    if (last == nullptr || !last->range.contains(raw(at))) last = memory.block_at(at);
    return last;
}

std::byte* host_address(const GuestMemory::Block& block, Gpa at) noexcept {
    return block.mapping.bytes().data() + (raw(at) - block.range.start());
}

}  // namespace

QueueFault ChainBuilder::add(ChainSlot& slot, Gpa at, std::uint32_t length, bool writable) noexcept {
    if (!writable && slot.buffers.size() > slot.readable) return "a readable buffer after a writable one";  // 2.7.4.2
    std::uint64_t& total = writable ? slot.writable_size : slot.readable_size;
    total += length;
    // Not 2^32 itself either, which 2.7.5.2 would allow: what the device writes must fit into the used length.
    if (slot.readable_size + slot.writable_size > UINT32_MAX) return "a chain of 4 GiB or more";
    return append(slot, at, length, writable);
}

/// A buffer goes on from one block into the next one if they are neighbours.
QueueFault ChainBuilder::append(ChainSlot& slot, Gpa at, std::uint32_t length, bool writable) noexcept {
    constexpr QueueFault kOutside = "a buffer outside of guest memory";
    if (length > UINT64_MAX - raw(at)) return kOutside;
    while (length != 0) {
        const Block* const block = find(*memory_, buffers_, at);
        if (block == nullptr) return kOutside;
        if (writable && block->kind == GuestMemory::Kind::Rom) return "a writable buffer in read-only memory";
        const auto here = std::min<std::uint64_t>(length, block->range.last() - raw(at) + 1);
        slot.buffers.push_back({host_address(*block, at), static_cast<std::size_t>(here)});
        if (!writable) ++slot.readable;
        length -= static_cast<std::uint32_t>(here);
        at = Gpa{raw(at) + here};
    }
    return {};
}

const std::byte* ChainBuilder::entry_at(Gpa table, std::uint32_t index) noexcept {
    const std::uint64_t offset = index * kDescriptorSize;
    if (offset > UINT64_MAX - raw(table)) return nullptr;
    const Gpa at{raw(table) + offset};
    const Block* const block = find(*memory_, tables_, at);
    if (block == nullptr || !block->range.contains(raw(at), kDescriptorSize)) return nullptr;
    return host_address(*block, at);
}

}  // namespace qvm
