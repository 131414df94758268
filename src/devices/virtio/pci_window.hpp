// SPDX-License-Identifier: Apache-2.0
// A window from configuration space into the BAR, for software that cannot reach memory yet (virtio 1.2, 4.1.4.9).
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "vmm/bus.hpp"

namespace qvm {

/// The body of a capability of type VIRTIO_PCI_CAP_PCI_CFG. The driver writes BAR, offset and length of an access, and
/// each access to the last four bytes then makes it.
class VirtioPciWindow final : public IoDevice {
public:
    static constexpr std::uint8_t kSize = 18;  ///< struct virtio_pci_cfg_cap without the two bytes of the list

    /// Into `target`, which is the BAR of that number and size.
    VirtioPciWindow(IoDevice& target, std::uint8_t bar, std::uint32_t size) noexcept;

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

private:
    /// What the driver wants of the BAR; empty if the BAR does not have it.
    [[nodiscard]] std::span<std::byte> wanted() noexcept;
    [[nodiscard]] std::uint32_t field(std::size_t at) const noexcept;

    IoDevice& target_;
    const std::uint8_t bar_;
    const std::uint32_t size_;
    std::mutex mutex_;  // guards bytes_; the BAR's registers are used with it held and never call back
    std::array<std::byte, kSize> bytes_{};
};

}  // namespace qvm
