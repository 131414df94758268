// SPDX-License-Identifier: Apache-2.0
// A virtio driver that knows nothing but the registers of virtio over MMIO and the interrupt line, for tests of a vdev
// with its transport.
//
//     FakeContext context;
//     const auto vdev = kVirtioEntropy.make(spec, context);
//     MmioDriver driver{context};
//     driver.start(virtio_feature::kRingPacked);
//     const auto answer = driver.heap.writable(16);
//     driver.send(0, {answer});
//     driver.wait_used(0).written;
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "support/fake_context.hpp"
#include "support/queue_driver.hpp"

namespace qvm::test {

class MmioDriver {
public:
    // Virtio 1.2, 4.2.2.
    enum Reg : std::uint64_t {
        kDeviceFeatures = 0x010,
        kDeviceFeaturesSel = 0x014,
        kDriverFeatures = 0x020,
        kDriverFeaturesSel = 0x024,
        kGuestPageSize = 0x028,
        kQueueSel = 0x030,
        kQueueNumMax = 0x034,
        kQueueNum = 0x038,
        kQueueAlign = 0x03c,
        kQueuePfn = 0x040,
        kQueueReady = 0x044,
        kQueueNotify = 0x050,
        kInterruptStatus = 0x060,
        kInterruptAck = 0x064,
        kStatus = 0x070,
        kQueueDesc = 0x080,
        kQueueDriver = 0x090,
        kQueueDevice = 0x0a0,
        kConfig = 0x100,
    };
    static constexpr std::uint64_t kMemory = 16 * kMiB;

    /// The only vdev of the context. Makes the context's memory.
    explicit MmioDriver(FakeContext& context)
        : heap{with_memory(context), Gpa{0x1000}, kMemory - 0x1000}, context_{context} {}

    [[nodiscard]] std::uint32_t read(std::uint64_t reg) const {
        return static_cast<std::uint32_t>(context_.read(reg, 4));
    }
    void write(std::uint64_t reg, std::uint32_t value) const { context_.write(reg, value, 4); }

    [[nodiscard]] std::uint64_t offered() const {
        write(kDeviceFeaturesSel, 1);
        const std::uint64_t high = read(kDeviceFeatures);
        write(kDeviceFeaturesSel, 0);
        return high << 32 | read(kDeviceFeatures);
    }

    /// From reset to DRIVER_OK with all queues, accepting VERSION_1 and `features`. Throws if the device does not.
    void start(std::uint64_t features) {
        write(kStatus, 0);
        write(kStatus, 3);
        accept(features | virtio_feature::kVersion1);
        write(kStatus, 0xb);
        if (read(kStatus) != 0xb) throw std::logic_error{"the device does not take these features"};
        queues_.clear();
        while (set_up_queue(features | virtio_feature::kVersion1)) {
        }
        write(kStatus, 0xf);
    }
    /// The same by the legacy interface (virtio 1.2, 4.2.4), with the first queue only: the heap must be unused.
    /// Returns whether the device has started.
    bool start_legacy(std::uint32_t features) {
        constexpr std::uint32_t kPage = 0x1000, kAlign = 4;
        write(kStatus, 0);
        write(kStatus, 3);
        write(kDriverFeaturesSel, 0);
        write(kDriverFeatures, features);
        write(kGuestPageSize, kPage);
        write(kQueueSel, 0);
        const auto size = static_cast<std::uint16_t>(read(kQueueNumMax));
        queues_.clear();
        queues_.push_back(make_queue_driver(heap, size, features));
        write(kQueueNum, size);
        write(kQueueAlign, kAlign);
        write(kQueuePfn, static_cast<std::uint32_t>(raw(queues_[0]->setup().descriptors) / kPage));
        write(kStatus, 7);
        return read(kStatus) == 7;
    }
    void reset() const { write(kStatus, 0); }

    [[nodiscard]] QueueDriver& queue(std::size_t number) { return *queues_.at(number); }

    void send(std::size_t number, const std::vector<Buffer>& chain, Layout layout = Layout::Direct) {
        queue(number).add(chain, layout);
        if (queue(number).kick_wanted()) write(kQueueNotify, static_cast<std::uint32_t>(number));
    }
    /// The next chain that the device gives back, woken by its interrupt; throws after kPatience without one.
    QueueDriver::Used wait_used(std::size_t number) {
        const auto until = std::chrono::steady_clock::now() + kPatience;
        while (std::chrono::steady_clock::now() < until) {
            if (const auto used = queue(number).collect()) return *used;
            if (queue(number).request_interrupt()) continue;
            if (!context_.line.wait_high()) break;
            write(kInterruptAck, read(kInterruptStatus));
        }
        throw std::runtime_error{"the device gives nothing back"};
    }

    GuestHeap heap;

private:
    [[nodiscard]] static const GuestMemory& with_memory(FakeContext& context) {
        context.ram.add(Range::make(0, kMemory).value(), GuestMemory::Kind::Ram);
        return context.ram;
    }

    void accept(std::uint64_t features) const {
        for (const std::uint32_t half : {0U, 1U}) {
            write(kDriverFeaturesSel, half);
            write(kDriverFeatures, static_cast<std::uint32_t>(features >> (32 * half)));
        }
    }
    /// False if there is no other queue.
    bool set_up_queue(std::uint64_t features) {
        write(kQueueSel, static_cast<std::uint32_t>(queues_.size()));
        const auto size = static_cast<std::uint16_t>(std::min(read(kQueueNumMax), 256U));
        if (size == 0) return false;
        queues_.push_back(make_queue_driver(heap, size, features));
        const QueueSetup& setup = queues_.back()->setup();
        write(kQueueNum, size);
        write_address(kQueueDesc, setup.descriptors);
        write_address(kQueueDriver, setup.driver);
        write_address(kQueueDevice, setup.device);
        write(kQueueReady, 1);
        return true;
    }
    void write_address(std::uint64_t reg, Gpa at) const {
        write(reg, static_cast<std::uint32_t>(raw(at)));
        write(reg + 4, static_cast<std::uint32_t>(raw(at) >> 32));
    }

    FakeContext& context_;
    std::vector<std::unique_ptr<QueueDriver>> queues_;
};

}  // namespace qvm::test
