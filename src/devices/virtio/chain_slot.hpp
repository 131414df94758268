// SPDX-License-Identifier: Apache-2.0
// What is behind a Chain. Slots are kept when their chain is given back, so that the next one allocates nothing.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace qvm {

struct ChainSlot {
    std::vector<iovec> buffers;       ///< the readable ones first
    std::size_t readable = 0;         ///< how many of them are readable
    std::uint64_t readable_size = 0;  ///< bytes; those of all buffers are below 2^32
    std::uint64_t writable_size = 0;
    std::uint16_t id = 0;           ///< split: index of the head; packed: buffer ID
    std::uint16_t descriptors = 0;  ///< packed: how many places of the ring the chain has

    void clear() noexcept {
        buffers.clear();
        readable = 0;
        readable_size = 0;
        writable_size = 0;
    }
};

class SlotPool {
public:
    /// One that is free, with anything in it.
    [[nodiscard]] ChainSlot& take();
    void give_back(ChainSlot& slot) noexcept { free_.push_back(&slot); }
    [[nodiscard]] std::size_t taken() const noexcept { return slots_.size() - free_.size(); }

private:
    std::deque<ChainSlot> slots_;
    std::vector<ChainSlot*> free_;  ///< the last one given back is the next one taken: it is still in the cache
};

}  // namespace qvm
