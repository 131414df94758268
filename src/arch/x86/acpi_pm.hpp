// SPDX-License-Identifier: Apache-2.0
// ACPI fixed hardware (ACPI 6.5, section 4.8): power button, soft off, the power management timer, and a reset
// register.
#pragma once

#include <cstdint>
#include <mutex>

#include "vmm/bus.hpp"
#include "vmm/clock.hpp"
#include "vmm/end_cause.hpp"
#include "vmm/irq_line.hpp"

namespace qvm::x86 {

class AcpiPm final : public IoDevice {
public:
    /// What the FADT says about the window; offsets from its start.
    static constexpr std::uint64_t kWindow = 16;
    static constexpr std::uint16_t kPm1Event = 0x0;    ///< PM1a_EVT_BLK, 4 bytes: status, enable
    static constexpr std::uint16_t kPm1Control = 0x4;  ///< PM1a_CNT_BLK, 2 bytes
    static constexpr std::uint16_t kPmTimer = 0x8;     ///< PM_TMR_BLK, 4 bytes, all 32 bits count (TMR_VAL_EXT)
    static constexpr std::uint16_t kReset = 0xc;       ///< RESET_REG, 1 byte
    static constexpr std::uint8_t kResetValue = 0x1;   ///< RESET_VALUE
    static constexpr std::uint8_t kSleepTypeS5 = 0x5;  ///< the DSDT's \_S5 package

    /// `sci` is a level line; high means asserted. All three must outlive this object.
    AcpiPm(const Clock& clock, VmControl& control, IrqLine& sci) : clock_{clock}, control_{control}, sci_{sci} {}

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

    /// Presses the power button. False if the guest has not enabled its event, that is, nobody listens. From any
    /// thread.
    bool press_power_button() noexcept;

private:
    [[nodiscard]] std::uint32_t timer() const noexcept;
    [[nodiscard]] std::uint8_t read_byte(std::uint64_t offset, std::uint32_t ticks) const noexcept;
    void write_byte(std::uint64_t offset, std::uint8_t value) noexcept;
    void write_control_high(std::uint8_t value) noexcept;
    void update_sci() noexcept;

    const Clock& clock_;
    VmControl& control_;
    IrqLine& sci_;

    std::mutex mutex_;  // guards the registers below and the order in which sci_ is driven
    std::uint16_t status_ = 0;
    std::uint16_t enable_ = 0;
    std::uint16_t control_bits_ = 0;
};

}  // namespace qvm::x86
