// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/registers.hpp"

#include <array>
#include <catch2/catch.hpp>

using namespace qvm;
using namespace qvm::virtio_status;

namespace {

constexpr std::uint64_t kOffered = virtio_feature::kVersion1 | virtio_feature::kRingPacked | 0x15;

class Driver {
public:
    [[nodiscard]] std::uint32_t read(VirtioReg reg) const { return registers.read(reg, kOffered); }
    bool write(VirtioReg reg, std::uint32_t value) { return registers.write(reg, value, status); }
    void accept(std::uint64_t features) {
        for (const unsigned half : {0U, 1U}) {
            write(VirtioReg::DriverFeaturesSel, half);
            write(VirtioReg::DriverFeatures, static_cast<std::uint32_t>(features >> (32 * half)));
        }
    }

    std::uint8_t status = 0;
    VirtioRegisters registers{std::array<std::uint16_t, 2>{8, 256}};
};

}  // namespace

TEST_CASE("virtio 1.2, 4.1.4.3.1: features are offered in words of 32 bits, and 0 beyond 63") {
    Driver driver;
    CHECK(driver.read(VirtioReg::DeviceFeatures) == 0x15);
    driver.write(VirtioReg::DeviceFeaturesSel, 1);
    CHECK(driver.read(VirtioReg::DeviceFeatures) == (1U << 0 | 1U << 2));
    for (const std::uint32_t select : {2U, 31U, 32U, UINT32_MAX}) {
        driver.write(VirtioReg::DeviceFeaturesSel, select);
        CHECK(driver.read(VirtioReg::DeviceFeatures) == 0);
        CHECK(driver.read(VirtioReg::DeviceFeaturesSel) == select);
    }
}

TEST_CASE("the driver's features are kept by words, also those that are not offered") {
    Driver driver;
    driver.accept(0x1'0000'00ff);
    CHECK(driver.registers.features() == 0x1'0000'00ff);
    CHECK(driver.read(VirtioReg::DriverFeatures) == 1);
    driver.write(VirtioReg::DriverFeaturesSel, 0);
    CHECK(driver.read(VirtioReg::DriverFeatures) == 0xff);
    CHECK(driver.registers.features_exist());
}

TEST_CASE("a feature above 63 is remembered as one that does not exist, until the reset") {
    Driver driver;
    driver.write(VirtioReg::DriverFeaturesSel, 2);
    CHECK(driver.write(VirtioReg::DriverFeatures, 0));
    CHECK(driver.registers.features_exist());
    CHECK_FALSE(driver.write(VirtioReg::DriverFeatures, 4));
    CHECK_FALSE(driver.registers.features_exist());
    CHECK(driver.read(VirtioReg::DriverFeatures) == 0);
    driver.registers.reset();
    CHECK(driver.registers.features_exist());
}

TEST_CASE("virtio 1.2, 3.1.1: features do not change after FEATURES_OK") {
    Driver driver;
    driver.accept(kOffered);
    driver.status = kFeaturesOk;
    CHECK_FALSE(driver.write(VirtioReg::DriverFeatures, 0));
    CHECK(driver.registers.features() == kOffered);
}

TEST_CASE("virtio 1.2, 4.2.2: a queue that does not exist has size 0 and takes nothing") {
    Driver driver;
    for (const std::uint32_t select : {2U, 0xffffU, 0x10000U, UINT32_MAX}) {
        CHECK(driver.write(VirtioReg::QueueSel, select));
        CHECK(driver.read(VirtioReg::QueueSel) == select);
        CHECK(driver.read(VirtioReg::QueueNumMax) == 0);
        CHECK_FALSE(driver.write(VirtioReg::QueueNum, 4));
        CHECK_FALSE(driver.write(VirtioReg::QueueDescLow, 4));
        CHECK_FALSE(driver.write(VirtioReg::QueueReady, 1));
        CHECK(driver.read(VirtioReg::QueueNum) == 0);
        CHECK(driver.read(VirtioReg::QueueDescLow) == 0);
        CHECK(driver.read(VirtioReg::QueueReady) == 0);
    }
    CHECK(driver.write(VirtioReg::QueueReady, 0));  // Linux does
}

TEST_CASE("virtio 1.2, 4.1.4.3: after reset a queue has the largest size that the device knows") {
    Driver driver;
    driver.write(VirtioReg::QueueSel, 1);
    CHECK(driver.read(VirtioReg::QueueNum) == 256);
    CHECK(driver.write(VirtioReg::QueueNum, 64));
    CHECK(driver.read(VirtioReg::QueueNum) == 64);
    CHECK(driver.read(VirtioReg::QueueNumMax) == 256);
    driver.registers.reset();
    driver.write(VirtioReg::QueueSel, 1);
    CHECK(driver.read(VirtioReg::QueueNum) == 256);
}

TEST_CASE("virtio 1.2, 2.7: a split queue has a power of two of descriptors") {
    Driver driver;
    for (const std::uint32_t size : {0U, 3U, 7U, 9U, 16U, 0x10008U, UINT32_MAX}) {
        CHECK_FALSE(driver.write(VirtioReg::QueueNum, size));
        CHECK(driver.read(VirtioReg::QueueNum) == 8);
    }
    for (const std::uint32_t size : {1U, 2U, 4U, 8U}) CHECK(driver.write(VirtioReg::QueueNum, size));
}

TEST_CASE("virtio 1.2, 2.8: a packed queue has any number of descriptors up to the largest") {
    Driver driver;
    driver.accept(kOffered);
    for (const std::uint32_t size : {0U, 9U, 0x10007U}) CHECK_FALSE(driver.write(VirtioReg::QueueNum, size));
    for (std::uint32_t size = 1; size <= 8; ++size) CHECK(driver.write(VirtioReg::QueueNum, size));
}

TEST_CASE("the areas of each queue have 64-bit addresses in two halves") {
    Driver driver;
    const std::array low{VirtioReg::QueueDescLow, VirtioReg::QueueDriverLow, VirtioReg::QueueDeviceLow};
    const std::array high{VirtioReg::QueueDescHigh, VirtioReg::QueueDriverHigh, VirtioReg::QueueDeviceHigh};
    for (std::uint32_t i = 0; i < low.size(); ++i) {
        CHECK(driver.write(high.at(i), 0x100 + i));
        CHECK(driver.write(low.at(i), 0xfffff000 + i));
        CHECK(driver.read(high.at(i)) == 0x100 + i);
        CHECK(driver.read(low.at(i)) == 0xfffff000 + i);
    }
    const QueueSetup& setup = driver.registers.queues()[0].setup;
    CHECK(raw(setup.descriptors) == 0x100'ffff'f000);
    CHECK(raw(setup.driver) == 0x101'ffff'f001);
    CHECK(raw(setup.device) == 0x102'ffff'f002);
    CHECK(raw(driver.registers.queues()[1].setup.device) == 0);
}

TEST_CASE("virtio 1.2, 4.2.2.2: what is ready keeps its parameters until the driver takes it back") {
    Driver driver;
    driver.write(VirtioReg::QueueDescLow, 0x1000);
    CHECK(driver.write(VirtioReg::QueueReady, 1));
    CHECK(driver.read(VirtioReg::QueueReady) == 1);
    CHECK_FALSE(driver.write(VirtioReg::QueueDescLow, 0x2000));
    CHECK_FALSE(driver.write(VirtioReg::QueueNum, 4));
    CHECK(driver.read(VirtioReg::QueueDescLow) == 0x1000);
    CHECK(driver.write(VirtioReg::QueueReady, 0));
    CHECK(driver.write(VirtioReg::QueueDescLow, 0x2000));
    CHECK_FALSE(driver.write(VirtioReg::QueueReady, 2));
    CHECK(driver.read(VirtioReg::QueueReady) == 0);
}

TEST_CASE("virtio 1.2, 3.1.1: queues do not change after DRIVER_OK") {
    Driver driver;
    driver.write(VirtioReg::QueueReady, 1);
    driver.status = kFeaturesOk | kDriverOk;
    CHECK_FALSE(driver.write(VirtioReg::QueueReady, 0));
    CHECK(driver.read(VirtioReg::QueueReady) == 1);
    CHECK(driver.write(VirtioReg::QueueSel, 1));
    CHECK_FALSE(driver.write(VirtioReg::QueueReady, 1));
    CHECK_FALSE(driver.write(VirtioReg::QueueDeviceHigh, 1));
    CHECK(driver.read(VirtioReg::QueueDeviceHigh) == 0);
}

TEST_CASE("what is read-only cannot be written") {
    Driver driver;
    for (const VirtioReg reg : {VirtioReg::DeviceFeatures, VirtioReg::NumQueues, VirtioReg::QueueNumMax}) {
        const std::uint32_t before = driver.read(reg);
        CHECK_FALSE(driver.write(reg, 77));
        CHECK(driver.read(reg) == before);
    }
    CHECK(driver.read(VirtioReg::NumQueues) == 2);
}
