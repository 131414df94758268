// SPDX-License-Identifier: Apache-2.0
// Virtio over PCI (virtio 1.2, 4.1), modern only. One BAR has everything but the MSI-X table:
//
//   0x0000  common configuration     4.1.4.3
//   0x1000  ISR status               4.1.4.5
//   0x2000  device configuration     4.1.4.6
//   0x3000  notifications            4.1.4.4, 4 bytes for each queue
#pragma once

#include <memory>
#include <string>

#include "devices/pci/function.hpp"
#include "devices/virtio/core.hpp"
#include "devices/virtio/pci_interrupts.hpp"
#include "devices/virtio/pci_window.hpp"

namespace qvm {

class VirtioPci final : public Vdev, public IoDevice {
public:
    static constexpr unsigned kBar = 0;
    static constexpr unsigned kMsixBar = 1;
    static constexpr std::uint32_t kIsr = 0x1000;
    static constexpr std::uint32_t kDeviceConfig = 0x2000;
    static constexpr std::uint32_t kNotify = 0x3000;
    static constexpr std::uint32_t kBarSize = 0x4000;
    static constexpr std::uint32_t kNotifyMultiplier = 4;

    /// The device's configuration and its doorbells must fit into a page each. `style`: see core.hpp; never
    /// legacy.
    VirtioPci(VdevContext& context, std::string name, std::unique_ptr<VirtioDevice> device, VirtioStyle style = {});

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

private:
    VirtioPci(PciFunction& function, VirtioHost host, std::unique_ptr<VirtioDevice> device);

    void add_structures(PciFunction& function);
    [[nodiscard]] std::uint32_t read_common(std::uint64_t offset, std::size_t width) noexcept;
    void write_common(std::uint64_t offset, std::size_t width, std::uint32_t value) noexcept;
    [[nodiscard]] std::uint32_t queue_notify_off() noexcept;
    void notify(std::uint64_t offset) noexcept;

    VirtioPciInterrupts interrupts_;
    VirtioPciWindow window_{*this, kBar, kBarSize};
    VirtioCore core_;  // last: stops the device before anything else goes
};

}  // namespace qvm
