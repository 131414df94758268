// SPDX-License-Identifier: Apache-2.0
// Registers of the legacy interface, that of virtio 0.9.5 (virtio 1.2, 4.2.4), in terms of those of the core.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "devices/virtio/core.hpp"

namespace qvm {

/// The three that only this interface has: where a queue is follows from a page number and two sizes. Values are the
/// guest's. Called on vCPU threads.
class MmioLegacy {
public:
    static constexpr std::uint64_t kGuestPageSize = 0x028;
    static constexpr std::uint64_t kQueueAlign = 0x03c;
    static constexpr std::uint64_t kQueuePfn = 0x040;

    explicit MmioLegacy(VirtioCore& core) : core_{core}, queues_(core.queues()) {}

    [[nodiscard]] static bool has(std::uint64_t offset) noexcept {
        return offset == kGuestPageSize || offset == kQueueAlign || offset == kQueuePfn;
    }
    /// `offset` is one of the three.
    [[nodiscard]] std::uint32_t read(std::uint64_t offset) noexcept;
    void write(std::uint64_t offset, std::uint32_t value) noexcept;
    /// The page size stays: Linux (6.1) says it once, before its first reset.
    void reset() noexcept;

private:
    struct Queue {
        std::uint32_t align = 0;  // of the used ring, in bytes; 0: a page
        std::uint32_t page = 0;   // its number; 0: there is no queue
    };

    [[nodiscard]] Queue* selected() noexcept;
    void place(Queue& queue, std::uint32_t page) noexcept;

    VirtioCore& core_;
    std::mutex mutex_;  // guards what follows
    std::uint32_t page_size_ = 0;
    std::vector<Queue> queues_;
};

}  // namespace qvm
