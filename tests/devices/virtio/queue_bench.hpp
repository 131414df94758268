// SPDX-License-Identifier: Apache-2.0
// Both sides of a queue in 2 MiB of RAM, with ROM and more RAM behind it.
#pragma once

#include <catch2/catch.hpp>

#include "devices/virtio/virtqueue.hpp"
#include "support/queue_driver.hpp"

namespace qvm::test {

inline constexpr std::uint64_t kSplit = virtio_feature::kVersion1;
inline constexpr std::uint64_t kPacked = virtio_feature::kVersion1 | virtio_feature::kRingPacked;
inline constexpr std::uint64_t kWithIndirect = virtio_feature::kIndirectDesc;
inline constexpr std::uint64_t kWithEventIdx = virtio_feature::kEventIdx;

/// [0, 2 MiB): RAM, then 64 KiB of ROM, then a second block of RAM, then nothing.
inline constexpr std::uint64_t kRomAt = 2 * kMiB;
inline constexpr std::uint64_t kMoreRamAt = kRomAt + 64 * kKiB;
inline constexpr std::uint64_t kMemoryEnd = kMoreRamAt + 64 * kKiB;

[[nodiscard]] inline GuestMemory bench_memory() {
    GuestMemory memory;
    memory.add(Range::make(0, kMiB).value(), GuestMemory::Kind::Ram);
    memory.add(Range::make(kMiB, kMiB).value(), GuestMemory::Kind::Ram);
    memory.add(Range::make(kRomAt, kMoreRamAt - kRomAt).value(), GuestMemory::Kind::Rom);
    memory.add(Range::make(kMoreRamAt, kMemoryEnd - kMoreRamAt).value(), GuestMemory::Kind::Ram);
    return memory;
}

struct QueueBench {
    explicit QueueBench(std::uint64_t features, std::uint16_t size = 16)
        : driver{make_queue_driver(heap, size, features)}, queue{memory, driver->setup()} {}

    /// The device takes a chain and gives it back at once. False if there is none.
    bool serve(std::uint32_t written = 0) {
        auto chain = queue.pop();
        if (!chain) return false;
        queue.push(std::move(*chain), written);
        return true;
    }
    [[nodiscard]] SplitDriver& split() { return dynamic_cast<SplitDriver&>(*driver); }
    [[nodiscard]] PackedDriver& packed() { return dynamic_cast<PackedDriver&>(*driver); }

    GuestMemory memory = bench_memory();
    GuestHeap heap{memory, Gpa{0x1000}, kMiB - 0x1000};
    std::unique_ptr<QueueDriver> driver;
    Virtqueue queue;
};

/// Bytes of all the buffers in a row.
[[nodiscard]] inline std::string read_all(const Chain& chain) {
    std::string out(chain.readable_size(), '\0');
    CHECK(chain.read(0, std::as_writable_bytes(std::span{out})) == out.size());
    return out;
}

}  // namespace qvm::test
