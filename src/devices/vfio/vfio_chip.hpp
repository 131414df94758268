// SPDX-License-Identifier: Apache-2.0
// A device that is not on PCI and that VFIO has given to this process: its registers and interrupts.
// Source: drivers/vfio/platform/ of Linux 6.1.
#pragma once

#include <memory>
#include <string>

#include "devices/platform/host_interrupt.hpp"
#include "devices/platform/passed_region.hpp"
#include "devices/vfio/host_chip.hpp"
#include "devices/vfio/vfio_device.hpp"

namespace qvm {

class VfioChip {
public:
    /// `device` is what VFIO gave for `chip`. Throws HostError if it is something else.
    VfioChip(HostChip chip, std::unique_ptr<VfioDevice> device);
    /// Resets it. What map() and open_interrupt() gave must have gone.
    ~VfioChip();
    VfioChip(const VfioChip&) = delete;
    VfioChip& operator=(const VfioChip&) = delete;

    [[nodiscard]] const HostChip& chip() const noexcept { return chip_; }
    /// Registers of the device. Mapped where the kernel lets them be, which is whole pages; else the kernel does each
    /// access. Throws HostError.
    [[nodiscard]] HostRegion map(const Range& host) const;
    /// How many interrupts VFIO tells, and the GIC's ID of each, if that is known.
    [[nodiscard]] unsigned interrupts() const noexcept;
    [[nodiscard]] std::optional<unsigned> interrupt(unsigned index) const noexcept;
    /// The one with that index, as VFIO counts. Throws HostError if there is none.
    [[nodiscard]] std::unique_ptr<HostInterrupt> open_interrupt(unsigned index) const;
    /// False if nobody knows how.
    bool reset() noexcept { return device_->reset(); }

private:
    const HostChip chip_;
    const std::unique_ptr<VfioDevice> device_;
};

}  // namespace qvm
