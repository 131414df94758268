// SPDX-License-Identifier: Apache-2.0
// The registers that both transports have, under different addresses and widths (virtio 1.2, 4.1.4.3 and 4.2.2), and
// what a driver has put into them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "devices/virtio/queue_setup.hpp"

namespace qvm {

/// Addresses are two registers of 32 bits. The names are those of MMIO.
enum class VirtioReg : std::uint8_t {
    DeviceFeaturesSel,
    DeviceFeatures,
    DriverFeaturesSel,
    DriverFeatures,
    NumQueues,
    Status,
    ConfigGeneration,
    QueueSel,
    QueueNumMax,
    QueueNum,
    QueueReady,
    QueueDescLow,
    QueueDescHigh,
    QueueDriverLow,
    QueueDriverHigh,
    QueueDeviceLow,
    QueueDeviceHigh,
};

/// Bits of Status (virtio 1.2, 2.1).
namespace virtio_status {
inline constexpr std::uint8_t kAcknowledge = 1;
inline constexpr std::uint8_t kDriver = 2;
inline constexpr std::uint8_t kDriverOk = 4;
inline constexpr std::uint8_t kFeaturesOk = 8;
inline constexpr std::uint8_t kNeedsReset = 64;
inline constexpr std::uint8_t kFailed = 128;
}  // namespace virtio_status

/// Features and queues as the driver has programmed them. Everything but Status and ConfigGeneration, which depend on
/// the device's life. Not thread-safe.
class VirtioRegisters {
public:
    struct Queue {
        std::uint16_t max = 0;
        QueueSetup setup{};
        bool ready = false;
    };

    explicit VirtioRegisters(std::span<const std::uint16_t> queue_sizes);

    void reset() noexcept;
    /// `offered`: the device's features. What does not exist reads as 0.
    [[nodiscard]] std::uint32_t read(VirtioReg reg, std::uint64_t offered) const noexcept;
    /// `status` freezes parts of them: features from FEATURES_OK on, queues from DRIVER_OK on (virtio 1.2, 3.1.1).
    /// False, and nothing has happened, if a driver must not do this.
    [[nodiscard]] bool write(VirtioReg reg, std::uint32_t value, std::uint8_t status) noexcept;

    /// Those that the driver has accepted.
    [[nodiscard]] std::uint64_t features() const noexcept { return features_; }
    /// It has accepted none above 63, where there are none.
    [[nodiscard]] bool features_exist() const noexcept { return !unknown_features_; }
    [[nodiscard]] std::span<const Queue> queues() const noexcept { return queues_; }

private:
    [[nodiscard]] const Queue* selected() const noexcept;
    [[nodiscard]] std::uint32_t read_queue(VirtioReg reg, const Queue& queue) const noexcept;
    [[nodiscard]] bool write_features(std::uint32_t value) noexcept;
    [[nodiscard]] bool write_queue(VirtioReg reg, std::uint32_t value) noexcept;
    [[nodiscard]] static bool write_address(QueueSetup& setup, VirtioReg reg, std::uint32_t value) noexcept;
    [[nodiscard]] bool resize(Queue& queue, std::uint32_t size) const noexcept;

    std::uint32_t device_features_sel_ = 0;
    std::uint32_t driver_features_sel_ = 0;
    std::uint32_t queue_sel_ = 0;
    std::uint64_t features_ = 0;
    bool unknown_features_ = false;
    std::vector<Queue> queues_;
};

}  // namespace qvm
