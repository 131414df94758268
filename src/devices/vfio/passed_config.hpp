// SPDX-License-Identifier: Apache-2.0
// Configuration space of a passed function: which of its bits are the device's own, and which the guest only believes
// to be. The kernel guards the device on its part (vfio_pci_config.c of Linux 6.1); what is ours here is what depends
// on the guest's board: addresses, interrupts, and what leads out of the function.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "devices/pci/config_space.hpp"
#include "devices/vfio/vfio_device.hpp"

namespace qvm {

/// Not thread-safe.
class PassedConfig {
public:
    /// Offsets of the capabilities that the guest sees; 0 if there is none.
    struct Capabilities {
        std::size_t power = 0, msi = 0, express = 0, msix = 0;
    };

    /// Reads all of the device's. The device must outlive it. Throws HostError if it does not answer, or is no function
    /// that could be passed.
    explicit PassedConfig(VfioDevice& device);

    // Set-up.
    /// These bytes are ours from now on: the device neither shows them nor hears of writes to them.
    void emulate(std::size_t offset, std::size_t size) noexcept;
    /// What is ours has its value and its writable bits here. At first it is what the device said.
    [[nodiscard]] ConfigSpace& own() noexcept { return own_; }
    [[nodiscard]] const ConfigSpace& own() const noexcept { return own_; }
    [[nodiscard]] const Capabilities& capabilities() const noexcept { return capabilities_; }
    template <typename T>
    [[nodiscard]] T device_value(std::size_t offset) const noexcept {
        return device_values_.get<T>(offset);
    }

    // For the guest; inside a dword.
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept;
    /// What of a write is ours, and the rest. Between the two, own() shows what the guest wants.
    void write_own(std::uint64_t offset, std::span<const std::byte> data) noexcept { own_.write(offset, data); }
    void write_device(std::uint64_t offset, std::span<const std::byte> data) noexcept;

    [[nodiscard]] std::uint16_t command() const noexcept;
    /// Whether the function is in a state in which it answers in memory (PCI Power Management 1.2, 5.3, 5.4).
    [[nodiscard]] bool is_awake() const noexcept;

private:
    void emulate_bits(std::size_t offset, std::byte bits) noexcept { emulated_.at(offset) |= bits; }
    void own_header();
    void link_capabilities();
    [[nodiscard]] bool keep(std::uint8_t id, std::size_t offset) noexcept;
    void hide_extended() noexcept;
    void own_power_state() noexcept;
    void own_express() noexcept;

    VfioDevice& device_;
    const std::size_t size_;
    ConfigSpace own_;
    ConfigSpace device_values_;  ///< at the start
    std::array<std::byte, ConfigSpace::kSize> emulated_{};
    Capabilities capabilities_{};
};

}  // namespace qvm
