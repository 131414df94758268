// SPDX-License-Identifier: Apache-2.0
// GICv2m: a frame of registers through which messages become shared interrupts of the GIC (Arm DEN0029, Server Base
// System Architecture 2.3, appendix E).
#pragma once

#include "arch/arm64/gic.hpp"
#include "devices/vdev.hpp"
#include "vmm/bus.hpp"
#include "vmm/kernel_pins.hpp"
#include "vmm/log.hpp"

namespace qvm::arm64 {

/// Where in the frame a message is written to: MSI_SETSPI_NS.
inline constexpr std::uint64_t kSetSpi = 0x40;

/// How the GIC's inputs and its messages are routed.
[[nodiscard]] KernelPins pins_of(const GicPlan& gic) noexcept;

/// The registers, as vCPUs see them; the messages of devices take the kernel's way. From any thread.
class MsiFrame final : public IoDevice {
public:
    /// All must outlive it.
    MsiFrame(const GicMsiFrame& plan, InterruptController& gic, Log& log)
        : plan_{plan}, gic_{gic}, refused_{log, "a message to the GIC's frame has a number that is not the frame's"} {}

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

private:
    const GicMsiFrame plan_;
    InterruptController& gic_;
    GuestFault refused_;
};

}  // namespace qvm::arm64
