// SPDX-License-Identifier: Apache-2.0
// Virtio over MMIO, and through it the life that a driver gives a device.
#include "devices/virtio/mmio.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <optional>
#include <thread>

#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/recording_device.hpp"

using namespace qvm;
using namespace qvm::test;
using namespace qvm::virtio_status;

namespace {

// Virtio 1.2, 4.2.2.
enum Reg : std::uint64_t {
    kMagicValue = 0x000,
    kVersion = 0x004,
    kDeviceId = 0x008,
    kVendorId = 0x00c,
    kDeviceFeatures = 0x010,
    kDeviceFeaturesSel = 0x014,
    kDriverFeatures = 0x020,
    kDriverFeaturesSel = 0x024,
    kQueueSel = 0x030,
    kQueueNumMax = 0x034,
    kQueueNum = 0x038,
    kQueueReady = 0x044,
    kQueueNotify = 0x050,
    kInterruptStatus = 0x060,
    kInterruptAck = 0x064,
    kStatus = 0x070,
    kQueueDescLow = 0x080,
    kQueueDriverLow = 0x090,
    kQueueDeviceLow = 0x0a0,
    kShmSel = 0x0ac,
    kShmLenLow = 0x0b0,
    kConfigGeneration = 0x0fc,
    kConfig = 0x100,
};

constexpr std::uint64_t kGood = virtio_feature::kVersion1 | VirtioRecord::kFeature;

/// The device and its driver.
struct Bench {
    FakeContext context;
    VirtioRecord device;
    std::optional<VirtioMmio> mmio{};

    Bench() : Bench{[](VirtioRecord&) {}} {}
    template <typename Change>
    explicit Bench(Change change) {
        change(device);
        mmio.emplace(context, "virtio-test", std::make_unique<RecordingVirtioDevice>(device));
    }

    [[nodiscard]] std::uint32_t read(std::uint64_t reg) const {
        return static_cast<std::uint32_t>(context.read(reg, 4));
    }
    void write(std::uint64_t reg, std::uint32_t value) const { context.write(reg, value, 4); }
    [[nodiscard]] std::uint64_t offered() const {
        write(kDeviceFeaturesSel, 1);
        const std::uint64_t high = read(kDeviceFeatures);
        write(kDeviceFeaturesSel, 0);
        return high << 32 | read(kDeviceFeatures);
    }
    void accept(std::uint64_t features) const {
        write(kDriverFeaturesSel, 1);
        write(kDriverFeatures, static_cast<std::uint32_t>(features >> 32));
        write(kDriverFeaturesSel, 0);
        write(kDriverFeatures, static_cast<std::uint32_t>(features));
    }
    /// Virtio 1.2, 3.1.1, steps 1 to 6.
    void negotiate(std::uint64_t features = kGood) const {
        write(kStatus, 0);
        write(kStatus, kAcknowledge);
        write(kStatus, kAcknowledge | kDriver);
        accept(features);
        write(kStatus, kAcknowledge | kDriver | kFeaturesOk);
    }
    void set_up_queue(std::uint32_t queue) const {
        write(kQueueSel, queue);
        write(kQueueNum, 4);
        write(kQueueDescLow, 0x1000 * (queue + 1));
        write(kQueueDriverLow, 0x1400 * (queue + 1));
        write(kQueueDeviceLow, 0x1800 * (queue + 1));
        write(kQueueReady, 1);
    }
    void go() const { write(kStatus, kAcknowledge | kDriver | kFeaturesOk | kDriverOk); }
    /// All of it, until the device has been started.
    void run() {
        const unsigned before = device.starts;
        negotiate();
        set_up_queue(0);
        go();
        REQUIRE(device.wait_started(before + 1));
    }
    [[nodiscard]] bool kicked(unsigned queue) const { return device_queue(queue).kick().drain(); }

private:
    [[nodiscard]] QueueEnd& device_queue(unsigned queue) const {
        return const_cast<VirtioRecord&>(device).queue(queue);
    }
};

}  // namespace

TEST_CASE("virtio 1.2, 4.2.2: magic value, version 2, device and vendor") {
    const Bench bench;
    CHECK(bench.read(kMagicValue) == 0x74726976);
    CHECK(bench.read(kVersion) == 2);
    CHECK(bench.read(kDeviceId) == 42);
    CHECK(bench.read(kVendorId) != 0);
    CHECK(bench.context.window == 0x200);
}

TEST_CASE("virtio 1.2, 6: what is offered is the device's, VERSION_1 and what the rings can do") {
    const Bench bench;
    CHECK(bench.offered() == (bench.device.offered | virtio_feature::kVersion1 | virtio_feature::kIndirectDesc |
                              virtio_feature::kEventIdx | virtio_feature::kRingPacked));
}

TEST_CASE("virtio 1.2, 3.1.1: DRIVER_OK starts the device with what the driver has set up") {
    Bench bench;
    bench.run();
    CHECK(bench.read(kStatus) == (kAcknowledge | kDriver | kFeaturesOk | kDriverOk));
    CHECK(bench.device.features == kGood);
    REQUIRE(bench.device.queues.size() == 2);
    QueueEnd& queue = bench.device.queue(0);
    CHECK(queue.enabled());
    CHECK(queue.setup().size == 4);
    CHECK(raw(queue.setup().descriptors) == 0x1000);
    CHECK(raw(queue.setup().driver) == 0x1400);
    CHECK(raw(queue.setup().device) == 0x1800);
    CHECK(queue.setup().features == kGood);
    CHECK_FALSE(bench.device.queue(1).enabled());
}

TEST_CASE("virtio 1.2, 2.2.2 and 6.2: FEATURES_OK is refused to features that are not offered or lack VERSION_1") {
    Bench bench;
    for (const std::uint64_t wrong : std::initializer_list<std::uint64_t>{
             kGood | 1ULL << 7, kGood | virtio_feature::kInOrder, kGood | virtio_feature::kAccessPlatform,
             kGood & ~virtio_feature::kVersion1, 0, UINT64_MAX}) {
        bench.negotiate(wrong);
        CHECK(bench.read(kStatus) == (kAcknowledge | kDriver));
        bench.go();  // a driver that does not look
        CHECK((bench.read(kStatus) & kDriverOk) == 0);
    }
    bench.negotiate();
    CHECK((bench.read(kStatus) & kFeaturesOk) != 0);
    CHECK(bench.device.starts == 0);
}

TEST_CASE("FEATURES_OK is refused to features above 63") {
    const Bench bench;
    bench.write(kStatus, kAcknowledge | kDriver);
    bench.accept(kGood);
    bench.write(kDriverFeaturesSel, 2);
    bench.write(kDriverFeatures, 1);
    bench.write(kStatus, kAcknowledge | kDriver | kFeaturesOk);
    CHECK((bench.read(kStatus) & kFeaturesOk) == 0);
}

TEST_CASE("FEATURES_OK is refused to what the device cannot work with") {
    const Bench bench{[](VirtioRecord& device) { device.accepts = false; }};
    bench.negotiate();
    CHECK(bench.read(kStatus) == (kAcknowledge | kDriver));
}

TEST_CASE("virtio 1.2, 2.1.1: a driver cannot clear a status bit but by a reset") {
    Bench bench;
    bench.run();
    bench.write(kStatus, kAcknowledge);
    CHECK(bench.read(kStatus) == (kAcknowledge | kDriver | kFeaturesOk | kDriverOk));
    bench.write(kStatus, kFailed | kNeedsReset | 0x30);
    CHECK(bench.read(kStatus) == (kAcknowledge | kDriver | kFeaturesOk | kDriverOk | kFailed));
    CHECK(bench.device.starts == 1);
    bench.write(kStatus, 0);
    CHECK(bench.read(kStatus) == 0);
}

TEST_CASE("virtio 1.2, 4.2.2.1: a reset is complete when the write returns, also of a device that takes time") {
    Bench bench;
    bench.run();
    bench.device.holds_stop = true;
    bench.device.queue(0).interrupt();
    CHECK(bench.context.line.high());
    std::thread host{[&] {
        if (bench.device.wait_stopping()) bench.device.finish_stop(bench.context.loop());
    }};
    bench.write(kStatus, 0);
    CHECK(bench.read(kStatus) == 0);
    host.join();
    CHECK(bench.read(kInterruptStatus) == 0);
    CHECK_FALSE(bench.context.line.high());
    bench.write(kQueueSel, 0);
    CHECK(bench.read(kQueueReady) == 0);
    CHECK(bench.read(kQueueNumMax) == 8);
    bench.device.holds_stop = false;
    bench.run();
    CHECK(bench.device.starts == 2);
}

TEST_CASE("a device whose back end hangs stays in its reset and ignores the driver until it comes back") {
    Bench bench;
    bench.run();
    bench.device.holds_stop = true;
    bench.write(kStatus, 0);  // gives up after its second
    CHECK(bench.device.wait_stopping());
    CHECK(bench.read(kStatus) != 0);
    bench.write(kStatus, kAcknowledge | kFailed);
    CHECK((bench.read(kStatus) & kFailed) == 0);
    bench.write(kQueueSel, 1);
    bench.write(kQueueNum, 2);
    bench.write(kConfig, 0x11111111);
    bench.device.queue(0).interrupt();
    CHECK_FALSE(bench.context.line.high());

    bench.device.holds_stop = false;
    bench.device.finish_stop(bench.context.loop());
    run_on_loop(bench.context.loop(), [] {});
    CHECK(bench.read(kStatus) == 0);
    CHECK(bench.read(kConfig) == 0);
    bench.write(kQueueSel, 1);
    CHECK(bench.read(kQueueNum) == 16);
    bench.run();
    CHECK(bench.device.stops == 1);
}

TEST_CASE("a reset before DRIVER_OK is one of the registers alone") {
    Bench bench;
    bench.negotiate();
    bench.set_up_queue(0);
    bench.write(kStatus, 0);
    CHECK(bench.read(kStatus) == 0);
    CHECK(bench.read(kQueueReady) == 0);
    run_on_loop(bench.context.loop(), [] {});
    CHECK(bench.device.starts == 0);
    CHECK(bench.device.stops == 0);
}

TEST_CASE("virtio 1.2, 4.2.3.4: the line is high while InterruptStatus has a bit that was not acknowledged") {
    Bench bench;
    bench.run();
    bench.device.queue(0).interrupt();
    CHECK(bench.read(kInterruptStatus) == 1);
    CHECK(bench.context.line.high());
    bench.device.set_config(std::byte{1});
    CHECK(bench.read(kInterruptStatus) == 3);
    bench.write(kInterruptAck, 1);
    CHECK(bench.read(kInterruptStatus) == 2);
    CHECK(bench.context.line.high());
    bench.write(kInterruptAck, 0xffffffff);
    CHECK(bench.read(kInterruptStatus) == 0);
    CHECK_FALSE(bench.context.line.high());
    CHECK(bench.context.line.rises() == 1);
    CHECK(bench.device.queue(0).interrupt_fd() == -1);
}

TEST_CASE("virtio 1.2, 3.1.1: no interrupt before DRIVER_OK and none after the reset") {
    Bench bench;
    bench.run();
    QueueEnd& queue = bench.device.queue(0);
    bench.write(kStatus, 0);
    queue.interrupt();
    bench.device.transport.load()->config_changed();
    bench.device.transport.load()->needs_reset("a test");
    bench.negotiate();
    queue.interrupt();
    bench.device.transport.load()->config_changed();
    CHECK(bench.read(kInterruptStatus) == 0);
    CHECK(bench.context.line.rises() == 0);
    CHECK((bench.read(kStatus) & kNeedsReset) == 0);
}

TEST_CASE("virtio 1.2, 2.1.2: DEVICE_NEEDS_RESET comes with a configuration change notification, once") {
    Bench bench;
    bench.run();
    bench.device.transport.load()->needs_reset("a test");
    CHECK((bench.read(kStatus) & kNeedsReset) != 0);
    CHECK(bench.read(kInterruptStatus) == 2);
    bench.write(kInterruptAck, 2);
    bench.device.transport.load()->needs_reset("a test");
    CHECK(bench.read(kInterruptStatus) == 0);
    bench.write(kStatus, 0);
    CHECK(bench.read(kStatus) == 0);
}

TEST_CASE("virtio 1.2, 2.5.1: the generation changes when the configuration has changed since the driver looked") {
    Bench bench;
    bench.run();
    const std::uint32_t first = bench.read(kConfigGeneration);
    CHECK(bench.read(kConfigGeneration) == first);
    for (int i = 0; i < 256; ++i) bench.device.set_config(std::byte{1});  // no multiple of 256 may hide it
    const std::uint32_t second = bench.read(kConfigGeneration);
    CHECK(second != first);
    bench.device.set_config(std::byte{2});
    CHECK(bench.context.read(kConfig, 4) == 0x02020202);
    CHECK(bench.read(kConfigGeneration) != second);
}

TEST_CASE("each queue has a doorbell at QueueNotify, and a write that exits kicks as well") {
    Bench bench;
    bench.run();
    REQUIRE(bench.context.doorbells.size() == 2);
    for (unsigned i = 0; i < 2; ++i) {
        const auto& [bell, fd] = bench.context.doorbells[i];
        CHECK(bell == Doorbell{kQueueNotify, 4, i});
        CHECK(fd == bench.device.queue(i).kick().fd());
        CHECK_FALSE(bench.kicked(i));
    }
    bench.write(kQueueNotify, 1);
    CHECK(bench.kicked(1));
    CHECK_FALSE(bench.kicked(0));
    for (const std::uint32_t none : {2U, 0x10000U, UINT32_MAX}) bench.write(kQueueNotify, none);
    CHECK_FALSE(bench.kicked(0));
    CHECK_FALSE(bench.kicked(1));
}

TEST_CASE("a kick before DRIVER_OK is not lost") {
    Bench bench;
    bench.negotiate();
    bench.set_up_queue(0);
    bench.write(kQueueNotify, 0);
    bench.go();
    REQUIRE(bench.device.wait_started());
    CHECK(bench.kicked(0));
}

TEST_CASE("virtio 1.2, 4.2.2.2: registers answer to aligned accesses of 32 bits only") {
    const Bench bench;
    for (const unsigned width : {1U, 2U, 8U}) {
        CHECK(bench.context.read(kMagicValue, width) == 0);
        bench.context.write(kStatus, kAcknowledge, width);
    }
    for (const std::uint64_t odd : {1U, 2U, 3U, 0x72U}) {
        CHECK(bench.context.read(odd, 4) == 0);
        bench.context.write(odd, kAcknowledge, 4);
    }
    CHECK(bench.read(kStatus) == 0);
}

TEST_CASE("addresses without a register, read-only and write-only ones are harmless") {
    const Bench bench;
    for (std::uint64_t reg = 0; reg < kConfig; reg += 4) {
        if (reg != kStatus) bench.write(reg, UINT32_MAX);
        (void)bench.read(reg);
    }
    CHECK(bench.read(kMagicValue) == 0x74726976);
    CHECK(bench.read(kStatus) == 0);
    CHECK(bench.read(0x0c4) == 0);
}

TEST_CASE("virtio 1.2, 4.2.2: a shared memory region that does not exist has length -1") {
    const Bench bench;
    bench.write(kShmSel, 0);
    for (std::uint64_t reg = kShmLenLow; reg <= kShmLenLow + 12; reg += 4) CHECK(bench.read(reg) == UINT32_MAX);
}

TEST_CASE("the configuration takes any width, and ends where the device's does") {
    Bench bench;
    bench.context.write(kConfig, 0x1122334455667788, 8);
    CHECK(bench.context.read(kConfig, 8) == 0x1122334455667788);
    CHECK(bench.context.read(kConfig + 1, 1) == 0x77);
    CHECK(bench.context.read(kConfig + 3, 2) == 0x4455);
    CHECK(bench.context.read(kConfig + 6, 4) == 0x1122);
    CHECK(bench.context.read(kConfig + 8, 4) == 0);
    CHECK(bench.context.read(kConfig + 0xf8, 8) == 0);
    bench.context.write(kConfig + 6, 0xffffffff, 4);
    bench.context.write(kConfig + 8, 0xff, 1);
    CHECK(bench.context.read(kConfig, 8) == 0x1122334455667788);
}

TEST_CASE("a device that runs is stopped before it is destroyed, whenever it is ready for that") {
    Bench bench;
    bench.run();
    bench.device.holds_stop = true;
    std::thread host{[&] {
        if (!bench.device.wait_stopping()) return;
        CHECK(bench.device.destroyed == 0);
        bench.device.finish_stop(bench.context.loop());
    }};
    bench.mmio.reset();
    host.join();
    CHECK(bench.device.stops == 1);
    CHECK(bench.device.destroyed == 1);
}

TEST_CASE("the end waits for a reset that the driver has begun") {
    Bench bench;
    bench.run();
    bench.device.holds_stop = true;
    bench.write(kStatus, 0);
    bench.device.finish_stop(bench.context.loop());
    bench.mmio.reset();
    CHECK(bench.device.stops == 1);
    CHECK(bench.device.destroyed == 1);
}

TEST_CASE("a device that never ran needs no loop to end") {
    VirtioRecord device;
    FakeContext context;
    { const VirtioMmio mmio{context, "virtio-test", std::make_unique<RecordingVirtioDevice>(device)}; }
    CHECK(device.destroyed == 1);
    CHECK(device.stops == 0);
}

TEST_CASE("two vCPUs and the loop may do everything at once") {
    Bench bench;
    bench.run();
    std::atomic<bool> over{false};
    std::thread vcpu{[&] {
        while (!over) {
            for (std::uint64_t reg = 0; reg < 0x108; reg += 4) (void)bench.read(reg);
            bench.write(kInterruptAck, 3);
            bench.write(kQueueSel, 1);
            bench.context.write(kConfig, 1, 4);
            bench.write(kQueueNotify, 0);
        }
    }};
    std::thread loop{[&] {
        while (!over) {
            bench.device.queue(0).interrupt();
            bench.device.set_config(std::byte{3});
            bench.device.transport.load()->needs_reset("a test");
        }
    }};
    for (int i = 0; i < 200; ++i) bench.run();
    over = true;
    vcpu.join();
    loop.join();
    CHECK(bench.device.starts == 201);
    CHECK(bench.device.stops == 200);
}
