// SPDX-License-Identifier: Apache-2.0
// A memory BAR of a passed function. What the kernel lets us map is the guest's own, without an exit; the pages of the
// MSI-X table and what cannot be mapped are reached through us.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "devices/pci/endpoint.hpp"
#include "devices/vfio/vfio_device.hpp"
#include "vmm/device_memory.hpp"
#include "vmm/mapping.hpp"

namespace qvm {

/// A part of a BAR that somebody else answers for.
struct BarHole {
    Range range;  ///< offsets in the BAR
    IoDevice* registers;
    std::uint64_t first;  ///< offset in `registers` of the range's start
};

class PassedBar final : public IoDevice {
public:
    /// Region `index` of the device. All must outlive it. Throws HostError.
    PassedBar(VfioDevice& device, unsigned index, std::vector<BarHole> holes, DeviceMemory& memory, BarRouter& router);
    PassedBar(const PassedBar&) = delete;
    PassedBar& operator=(const PassedBar&) = delete;

    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    /// Bytes that the guest reaches without an exit.
    [[nodiscard]] std::uint64_t mapped() const noexcept;
    /// Where the guest sees it from now on. Not thread-safe.
    void move(std::uint64_t base) noexcept;
    void hide() noexcept;

    // What the guest does beside the mapped parts. On vCPU threads.
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

private:
    struct Part {
        std::uint64_t offset;
        Mapping mapping;
        unsigned number;  ///< of the DeviceMemory
    };
    [[nodiscard]] const BarHole* hole_at(std::uint64_t offset, std::size_t length) const noexcept;

    VfioDevice& device_;
    const unsigned index_;
    const std::uint64_t size_;
    const std::vector<BarHole> holes_;
    DeviceMemory& memory_;
    RoutedBar& routed_;
    std::vector<Part> parts_;
    std::optional<std::uint64_t> base_{};
};

/// What is left of `areas` without the pages that holes touch; whole pages only, in order.
[[nodiscard]] std::vector<Range> without_holes(const std::vector<Range>& areas, const std::vector<BarHole>& holes);

}  // namespace qvm
