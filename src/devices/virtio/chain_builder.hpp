// SPDX-License-Identifier: Apache-2.0
// Judges the buffers of a descriptor chain and turns them into what the host sees.
#pragma once

#include <optional>

#include "devices/virtio/chain_slot.hpp"
#include "devices/virtio/ring_memory.hpp"

namespace qvm {

class ChainBuilder {
public:
    explicit ChainBuilder(const GuestMemory& memory) noexcept : memory_{&memory} {}

    /// Adds what a descriptor says to the slot's buffers.
    [[nodiscard]] QueueFault add(ChainSlot& slot, Gpa at, std::uint32_t length, bool writable) noexcept;

    /// Entry `index` of an indirect table; nothing if it is not in guest memory.
    template <typename Descriptor>
    [[nodiscard]] std::optional<Descriptor> indirect(Gpa table, std::uint32_t index) noexcept {
        const std::byte* const entry = entry_at(table, index);
        if (entry == nullptr) return std::nullopt;
        return copy_descriptor<Descriptor>(entry);
    }

private:
    using Block = GuestMemory::Block;
    [[nodiscard]] const std::byte* entry_at(Gpa table, std::uint32_t index) noexcept;
    [[nodiscard]] QueueFault append(ChainSlot& slot, Gpa at, std::uint32_t length, bool writable) noexcept;

    const GuestMemory* memory_;
    const Block* buffers_ = nullptr;  ///< where the last buffer was: most likely where the next one is
    const Block* tables_ = nullptr;   ///< where the last indirect table was
};

}  // namespace qvm
