// SPDX-License-Identifier: Apache-2.0
// Virtio over memory-mapped registers (virtio 1.2, 4.2), version 2.
#pragma once

#include <memory>
#include <string>

#include "devices/virtio/core.hpp"
#include "devices/virtio/mmio_legacy.hpp"

namespace qvm {

class VirtioMmio final : public Vdev, public IoDevice {
public:
    static constexpr std::uint64_t kWindow = 0x200;
    static constexpr std::uint64_t kConfig = 0x100;

    /// The device's configuration must fit into what is left of the window. `style`: see core.hpp.
    VirtioMmio(VdevContext& context, std::string name, std::unique_ptr<VirtioDevice> device, VirtioStyle style = {});

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

private:
    /// One level for all queues and the configuration.
    class Interrupts final : public VirtioInterrupts {
    public:
        explicit Interrupts(IrqLine& line) noexcept : status_{line} {}
        void queue_used(unsigned /*queue*/) noexcept override { status_.raise(InterruptStatus::kQueue); }
        void config_changed() noexcept override { status_.raise(InterruptStatus::kConfig); }
        /// The kernel cannot set the bit in InterruptStatus.
        [[nodiscard]] int queue_fd(unsigned /*queue*/) noexcept override { return -1; }
        void reset() noexcept override { status_.acknowledge(UINT8_MAX); }
        [[nodiscard]] InterruptStatus& status() noexcept { return status_; }

    private:
        InterruptStatus status_;
    };

    [[nodiscard]] std::uint32_t read_register(std::uint64_t offset) noexcept;
    void write_register(std::uint64_t offset, std::uint32_t value) noexcept;
    void write_status(std::uint32_t value) noexcept;

    Interrupts interrupts_;
    VirtioCore core_;  // stops the device before anything above goes
    std::optional<MmioLegacy> legacy_;
};

}  // namespace qvm
