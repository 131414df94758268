// SPDX-License-Identifier: Apache-2.0
// Virtio over PCI, on a real function of a real host bridge.
#include "devices/virtio/pci.hpp"

#include <catch2/catch.hpp>
#include <optional>

#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/recording_device.hpp"
#include "support/fake_pci.hpp"

using namespace qvm;
using namespace qvm::test;
using namespace qvm::virtio_status;

namespace {

// Virtio 1.2, 4.1.4.3.
enum Common : std::uint64_t {
    kDeviceFeatureSelect = 0,
    kDeviceFeature = 4,
    kDriverFeatureSelect = 8,
    kDriverFeature = 12,
    kConfigMsixVector = 16,
    kNumQueues = 18,
    kDeviceStatus = 20,
    kConfigGeneration = 21,
    kQueueSelect = 22,
    kQueueSize = 24,
    kQueueMsixVector = 26,
    kQueueEnable = 28,
    kQueueNotifyOff = 30,
    kQueueDesc = 32,
    kQueueDriver = 40,
    kQueueDevice = 48,
    kQueueReset = 58,
};
constexpr std::uint64_t kIsr = 0x1000, kConfig = 0x2000, kNotify = 0x3000;
constexpr std::uint16_t kNoVector = 0xffff;
constexpr std::uint64_t kGood = virtio_feature::kVersion1 | VirtioRecord::kFeature;
constexpr std::uint8_t kRunning = kAcknowledge | kDriver | kFeaturesOk | kDriverOk;
constexpr MsiMessage kMessage{0xfee00000, 0x41, 8};  // by the function 0:1.0
constexpr MsiMessage kOtherMessage{0xfee00000, 0x42, 8};

/// The device and its driver.
struct Bench {
    FakeContext context;
    VirtioRecord device;
    std::optional<VirtioPci> vdev{};
    std::optional<PciDriver> pci{};

    Bench() {
        context.pci_wanted = true;
        vdev.emplace(context, "virtio-test", std::make_unique<RecordingVirtioDevice>(device));
        context.pci_host->connect();
        pci.emplace(*context.pci_host, PciSlot{1, 0}, FakeContext::kPciWindow);
        pci->set_command(PciDriver::kMemorySpace);
    }

    [[nodiscard]] std::uint64_t read(std::uint64_t offset, unsigned width) const {
        return pci->read(VirtioPci::kBar, offset, width);
    }
    void write(std::uint64_t offset, std::uint64_t value, unsigned width) const {
        pci->write(VirtioPci::kBar, offset, value, width);
    }
    [[nodiscard]] std::uint8_t status() const { return static_cast<std::uint8_t>(read(kDeviceStatus, 1)); }

    void accept(std::uint64_t features) const {
        for (const std::uint64_t half : {0U, 1U}) {
            write(kDriverFeatureSelect, half, 4);
            write(kDriverFeature, features >> (32 * half), 4);
        }
    }
    void set_up_queue(std::uint16_t queue, std::uint16_t vector = kNoVector) const {
        write(kQueueSelect, queue, 2);
        write(kQueueSize, 4, 2);
        write(kQueueDesc, 0x1000, 4);
        write(kQueueDesc + 4, 0, 4);
        write(kQueueDriver, 0x2'0000'1400, 8);
        write(kQueueDevice, 0x1800, 8);
        write(kQueueMsixVector, vector, 2);
        write(kQueueEnable, 1, 2);
    }
    void run(std::uint16_t vector = kNoVector) {
        const unsigned before = device.starts;
        write(kDeviceStatus, kAcknowledge | kDriver, 1);
        accept(kGood);
        write(kDeviceStatus, kAcknowledge | kDriver | kFeaturesOk, 1);
        set_up_queue(0, vector);
        write(kDeviceStatus, kRunning, 1);
        REQUIRE(device.wait_started(before + 1));
    }
    void settle() {
        run_on_loop(context.loop(), [] {});
    }

    /// The structure of that type (4.1.4): capability, offset, length.
    struct Structure {
        std::uint64_t at, bar, offset, length;
    };
    [[nodiscard]] Structure structure(std::uint64_t type) const {
        for (unsigned n = 0;; ++n) {
            const std::uint64_t at = pci->capability(9, n);
            if (pci->config(at + 3, 1) != type) continue;
            return {at, pci->config(at + 4, 1), pci->config(at + 8), pci->config(at + 12)};
        }
    }
};

}  // namespace

TEST_CASE("virtio 1.2, 4.1.2: identity of a device that is not transitional") {
    const Bench bench;
    CHECK(bench.pci->config(0x00) == (0x1af4U | (0x1040U + 42) << 16));
    CHECK(bench.pci->config(0x08, 1) == 1);
    CHECK(bench.pci->config(0x08) >> 8 == 0xff0000);
    CHECK(bench.pci->config(0x2c, 2) == 0x1af4);
    CHECK(bench.pci->config(0x2e, 2) >= 0x40);
}

TEST_CASE("virtio 1.2, 4.1.4: each structure has a capability, and lies where that says") {
    const Bench bench;
    const auto common = bench.structure(1);
    CHECK((common.bar == 0 && common.offset == 0 && common.length == 60));
    CHECK(bench.pci->config(common.at + 2, 1) == 16);
    const auto notify = bench.structure(2);
    CHECK((notify.bar == 0 && notify.offset == kNotify && notify.length == 8));
    CHECK(bench.pci->config(notify.at + 2, 1) == 20);
    CHECK(bench.pci->config(notify.at + 16) == 4);  // notify_off_multiplier
    const auto isr = bench.structure(3);
    CHECK((isr.bar == 0 && isr.offset == kIsr && isr.length == 1));
    const auto config = bench.structure(4);
    CHECK((config.bar == 0 && config.offset == kConfig && config.length == 8));
    CHECK(bench.pci->config(bench.structure(5).at + 2, 1) == 20);
    const std::uint64_t msix = bench.pci->capability(PciDriver::kMsix);
    CHECK(bench.pci->config(msix + 2, 2) == 2);  // three vectors
    CHECK((bench.pci->config(msix + 4) & 7) == VirtioPci::kMsixBar);
}

TEST_CASE("virtio 1.2, 3.1.1: a driver over PCI starts the device") {
    Bench bench;
    bench.write(kDeviceFeatureSelect, 1, 4);
    CHECK((bench.read(kDeviceFeature, 4) & 1) == 1);
    bench.run();
    CHECK(bench.status() == kRunning);
    CHECK(bench.device.features == kGood);
    const QueueEnd& queue = bench.device.queue(0);
    CHECK(queue.enabled());
    CHECK(queue.setup().size == 4);
    CHECK(raw(queue.setup().descriptors) == 0x1000);
    CHECK(raw(queue.setup().driver) == 0x2'0000'1400);
    CHECK(raw(queue.setup().device) == 0x1800);
    CHECK_FALSE(bench.device.queue(1).enabled());
    CHECK(bench.read(kDriverFeature, 4) == kGood >> 32);
    CHECK(bench.read(kQueueDriver, 8) == 0x2'0000'1400);
    CHECK(bench.read(kQueueDriver + 4, 4) == 2);
    CHECK(bench.read(kQueueEnable, 2) == 1);
    CHECK(bench.read(kNumQueues, 2) == 2);
}

TEST_CASE("virtio 1.2, 4.1.4.3.1: device_status reads as 0 once the reset is complete, and not before") {
    Bench bench;
    bench.run(1);
    bench.device.holds_stop = true;
    bench.write(kDeviceStatus, 0, 1);  // returns at once
    REQUIRE(bench.device.wait_stopping());
    CHECK(bench.status() != 0);
    bench.write(kDeviceStatus, kAcknowledge, 1);
    bench.device.holds_stop = false;
    bench.device.finish_stop(bench.context.loop());
    bench.settle();
    CHECK(bench.status() == 0);
    CHECK(bench.read(kQueueEnable, 2) == 0);
    CHECK(bench.read(kQueueMsixVector, 2) == kNoVector);
    bench.run();
    CHECK(bench.device.starts == 2);
}

TEST_CASE("virtio 1.2, 4.1.4.5: without MSI-X, ISR status tells, reading it takes the pin back") {
    Bench bench;
    bench.run();
    CHECK(bench.device.queue(0).interrupt_fd() == -1);
    bench.device.queue(0).interrupt();
    CHECK(bench.context.line.high());
    bench.device.set_config(std::byte{1});
    CHECK(bench.read(kIsr, 1) == 3);
    CHECK_FALSE(bench.context.line.high());
    CHECK(bench.read(kIsr, 1) == 0);
    bench.device.queue(0).interrupt();
    CHECK(bench.read(kIsr, 4) == 1);
    CHECK(bench.context.router.sent.empty());
}

TEST_CASE("virtio 1.2, 4.1.5.1.2: with MSI-X each event has the vector that the driver maps it to") {
    Bench bench;
    bench.pci->set_msix(true);
    bench.pci->route_msix(VirtioPci::kMsixBar, 0, kOtherMessage);
    bench.pci->route_msix(VirtioPci::kMsixBar, 2, kMessage);
    bench.write(kConfigMsixVector, 0, 2);
    bench.run(2);
    CHECK(bench.read(kConfigMsixVector, 2) == 0);
    CHECK(bench.read(kQueueMsixVector, 2) == 2);
    bench.device.queue(0).interrupt();
    CHECK(bench.context.router.sent == std::vector{kMessage});
    bench.device.set_config(std::byte{1});
    CHECK(bench.context.router.sent == std::vector{kMessage, kOtherMessage});
    bench.device.queue(1).interrupt();  // mapped to none
    CHECK(bench.context.router.sent.size() == 2);
    CHECK_FALSE(bench.context.line.high());
}

TEST_CASE("virtio 1.2, 4.1.5.1.2.1: a vector that does not exist is none") {
    const Bench bench;
    CHECK(bench.read(kConfigMsixVector, 2) == kNoVector);
    for (const std::uint64_t vector : {3U, 0x7ffU, 0xfffeU, 0xffffU}) {
        bench.write(kConfigMsixVector, 1, 2);
        CHECK(bench.read(kConfigMsixVector, 2) == 1);
        bench.write(kConfigMsixVector, vector, 2);
        CHECK(bench.read(kConfigMsixVector, 2) == kNoVector);
        bench.write(kQueueMsixVector, 2, 2);
        CHECK(bench.read(kQueueMsixVector, 2) == 2);
        bench.write(kQueueMsixVector, vector, 2);
        CHECK(bench.read(kQueueMsixVector, 2) == kNoVector);
    }
    bench.write(kQueueSelect, 2, 2);
    bench.write(kQueueMsixVector, 1, 2);
    CHECK(bench.read(kQueueMsixVector, 2) == kNoVector);
}

TEST_CASE("a vector's pending message waits while the driver masks it") {
    Bench bench;
    bench.pci->set_msix(true);
    bench.pci->route_msix(VirtioPci::kMsixBar, 1, kMessage);
    bench.pci->mask_msix(VirtioPci::kMsixBar, 1, true);
    bench.run(1);
    bench.device.queue(0).interrupt();
    CHECK(bench.context.router.sent.empty());
    bench.pci->mask_msix(VirtioPci::kMsixBar, 1, false);
    CHECK(bench.context.router.sent == std::vector{kMessage});
}

TEST_CASE("a device that runs hears when the driver moves its interrupts, once for many moves") {
    Bench bench;
    bench.write(kQueueMsixVector, 1, 2);
    bench.settle();
    CHECK(bench.device.moves == 0);  // it does not run
    bench.run();
    bench.settle();
    CHECK(bench.device.moves == 0);
    bench.write(kQueueMsixVector, 2, 2);
    bench.settle();
    CHECK(bench.device.moves == 1);
    bench.write(kQueueMsixVector, 2, 2);
    bench.settle();
    CHECK(bench.device.moves == 1);
    run_on_loop(bench.context.loop(), [&] {
        for (const unsigned vector : {0U, 1U, 2U, 0U, 1U}) bench.write(kQueueMsixVector, vector, 2);
    });
    bench.settle();
    CHECK(bench.device.moves == 2);
    bench.pci->set_msix(true);
    bench.settle();
    CHECK(bench.device.moves == 3);
    bench.pci->set_msix(true, true);
    bench.settle();
    CHECK(bench.device.moves == 3);
}

TEST_CASE("virtio 1.2, 4.1.4.4: each queue has its doorbell, which is at queue_notify_off") {
    Bench bench;
    bench.run();
    REQUIRE(bench.context.pci_bells.attached.size() == 2);
    for (std::uint16_t queue = 0; queue < 2; ++queue) {
        bench.write(kQueueSelect, queue, 2);
        const std::uint64_t place = kNotify + 4 * bench.read(kQueueNotifyOff, 2);
        const auto& [bell, fd] = bench.context.pci_bells.attached.at(queue);
        CHECK(bell == Doorbell{bench.pci->bar(0) + place, 0, {}});
        CHECK(fd == bench.device.queue(queue).kick().fd());
        bench.write(place, queue, 2);
        CHECK(bench.device.queue(queue).kick().drain());
        CHECK_FALSE(bench.device.queue(1 - queue).kick().drain());
    }
    bench.write(kNotify + 8, 2, 2);
    bench.write(kNotify + 0xffc, 0, 4);
    CHECK(bench.read(kNotify, 4) == 0);
    CHECK_FALSE(bench.device.queue(0).kick().drain());
    CHECK_FALSE(bench.device.queue(1).kick().drain());
    bench.write(kQueueSelect, 2, 2);
    CHECK(bench.read(kQueueNotifyOff, 2) == 0);
    CHECK(bench.read(kQueueSize, 2) == 0);
}

TEST_CASE("virtio 1.2, 4.1.3.1: common fields answer to their own width, 64-bit ones also to both halves at once") {
    const Bench bench;
    for (const unsigned width : {1U, 2U, 8U}) CHECK(bench.read(kDeviceFeature + (width == 8 ? 12 : 0), width) == 0);
    bench.write(kDeviceStatus, kAcknowledge, 4);
    bench.write(kDeviceStatus, kAcknowledge, 2);
    CHECK(bench.status() == 0);
    CHECK(bench.read(kDeviceStatus, 4) == 0);
    CHECK(bench.read(kQueueSize, 1) == 0);
    CHECK(bench.read(kQueueSize + 1, 2) == 0);
    CHECK(bench.read(kQueueSize, 2) == 8);
    bench.write(kQueueReset, 1, 2);
    CHECK(bench.read(kQueueReset, 2) == 0);
}

TEST_CASE("every address of the BAR is harmless in every width") {
    Bench bench;
    for (const unsigned width : {1U, 2U, 4U, 8U}) {
        for (std::uint64_t at = 0; at + width <= VirtioPci::kBarSize; at += at < 64 || at % 0x1000 < 64 ? 1 : 61) {
            if (at + width <= kDeviceStatus || at > kDeviceStatus) bench.write(at, UINT64_MAX, width);
            (void)bench.read(at, width);
        }
    }
    CHECK(bench.status() == 0);
    CHECK(bench.device.starts == 0);
}

TEST_CASE("virtio 1.2, 4.1.4.6: the device's configuration takes any width") {
    const Bench bench;
    bench.write(kConfig, 0x1122334455667788, 8);
    CHECK(bench.read(kConfig + 2, 2) == 0x5566);
    CHECK(bench.read(kConfig + 7, 1) == 0x11);
    CHECK(bench.read(kConfig + 8, 4) == 0);
}

TEST_CASE("virtio 1.2, 4.1.4.9: configuration space has a window into the BAR") {
    Bench bench;
    const std::uint64_t cap = bench.structure(5).at;
    const auto aim = [&](std::uint64_t bar, std::uint64_t offset, std::uint64_t length) {
        bench.pci->set_config(cap + 4, bar, 1);
        bench.pci->set_config(cap + 8, offset);
        bench.pci->set_config(cap + 12, length);
    };
    const std::uint64_t data = cap + 16;
    aim(0, kDeviceStatus, 1);
    CHECK(bench.pci->config(cap + 8) == kDeviceStatus);
    bench.pci->set_config(data, kAcknowledge | kDriver, 1);
    CHECK(bench.status() == (kAcknowledge | kDriver));
    CHECK((bench.pci->config(data) & 0xff) == (kAcknowledge | kDriver));
    aim(0, kQueueSize, 2);
    CHECK((bench.pci->config(data, 2)) == 8);
    aim(0, kDriverFeature, 4);
    bench.pci->set_config(data, 0x1234);
    CHECK(bench.read(kDriverFeature, 4) == 0x1234);

    SECTION("a notification goes through it") {
        bench.run();
        aim(0, kNotify + 4, 2);
        bench.pci->set_config(data, 1, 2);
        CHECK(bench.device.queue(1).kick().drain());
    }
    SECTION("an access that is none does nothing") {
        for (const std::uint64_t length : {0U, 3U, 5U, 8U, 0xffffffffU}) {
            aim(0, kDeviceStatus, length);
            bench.pci->set_config(data, 0);
        }
        aim(0, kDriverFeature + 1, 4);
        bench.pci->set_config(data, 0);
        aim(1, kDeviceStatus, 1);
        bench.pci->set_config(data, 0);
        for (const std::uint64_t offset : {0x4000U, 0xfffffffcU}) {
            aim(0, offset, 4);
            bench.pci->set_config(data, 0);
            (void)bench.pci->config(data);
        }
        CHECK(bench.status() == (kAcknowledge | kDriver));
        CHECK(bench.read(kDriverFeature, 4) == 0x1234);
    }
    SECTION("what describes it is read-only") {
        bench.pci->set_config(cap + 2, 0xff, 1);
        bench.pci->set_config(cap + 3, 0xff, 1);
        CHECK(bench.pci->config(cap + 2, 2) == (20 | 5 << 8));
    }
}

TEST_CASE("over PCI, too, a device that runs is stopped before it is destroyed") {
    Bench bench;
    bench.run();
    bench.vdev.reset();
    CHECK(bench.device.stops == 1);
    CHECK(bench.device.destroyed == 1);
}
