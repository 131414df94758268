// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/acpi_pm.hpp"

#include <chrono>

namespace qvm::x86 {

namespace {

// ACPI 6.5, tables 4.11 to 4.13.
namespace pm1 {
constexpr std::uint16_t kPowerButton = 1U << 8;  // PWRBTN_STS, PWRBTN_EN
constexpr std::uint16_t kEnables = 1U << 0 | 1U << 5 | kPowerButton | 1U << 9 | 1U << 10;
constexpr std::uint16_t kSciEnable = 1U << 0;
constexpr unsigned kSleepTypeShift = 10;
constexpr std::uint16_t kSleepTypeMask = 7U << kSleepTypeShift;
constexpr std::uint16_t kSleepEnable = 1U << 13;  // write-only
}  // namespace pm1

constexpr std::uint64_t kTimerHz = 3'579'545;
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

[[nodiscard]] constexpr std::uint8_t byte_of(std::uint32_t value, std::uint64_t index) noexcept {
    return static_cast<std::uint8_t>(value >> (8 * (index & 3)));
}

[[nodiscard]] constexpr std::uint16_t with_byte(std::uint16_t value, std::uint64_t index, std::uint8_t byte) noexcept {
    return static_cast<std::uint16_t>((index & 1) != 0 ? (value & 0x00ff) | byte << 8 : (value & 0xff00) | byte);
}

}  // namespace

/// Counts from the host's start. Whole seconds and the rest apart, so that the product cannot overflow.
std::uint32_t AcpiPm::timer() const noexcept {
    const auto now = static_cast<std::uint64_t>(clock_.monotonic().count());
    const std::uint64_t seconds = now / kNanosecondsPerSecond;
    const std::uint64_t rest = now % kNanosecondsPerSecond;
    return static_cast<std::uint32_t>(seconds * kTimerHz + rest * kTimerHz / kNanosecondsPerSecond);
}

void AcpiPm::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    const std::lock_guard lock{mutex_};
    const std::uint32_t ticks = timer();  // one sample, so that its bytes belong together
    for (std::byte& byte : data) byte = std::byte{read_byte(offset++, ticks)};
}

void AcpiPm::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    const std::lock_guard lock{mutex_};
    for (const std::byte byte : data) write_byte(offset++, std::to_integer<std::uint8_t>(byte));
    update_sci();
}

std::uint8_t AcpiPm::read_byte(std::uint64_t offset, std::uint32_t ticks) const noexcept {
    if (offset < kPm1Event + 2U) return byte_of(status_, offset);
    if (offset < kPm1Event + 4U) return byte_of(enable_, offset - 2);
    // There is no firmware to own the hardware first, so ACPI mode is always on (FADT: SMI_CMD is 0).
    if (offset < kPm1Control + 2U) return byte_of(control_bits_ | pm1::kSciEnable, offset - kPm1Control);
    if (offset >= kPmTimer && offset < kPmTimer + 4U) return byte_of(ticks, offset - kPmTimer);
    return 0;
}

void AcpiPm::write_byte(std::uint64_t offset, std::uint8_t value) noexcept {
    if (offset < kPm1Event + 2U) {
        status_ &= static_cast<std::uint16_t>(~with_byte(0, offset, value));
    } else if (offset < kPm1Event + 4U) {
        enable_ = with_byte(enable_, offset - 2, value) & pm1::kEnables;
    } else if (offset == kPm1Control + 1U) {
        write_control_high(value);
    } else if (offset == kReset && value == kResetValue) {
        control_.end(EndCause::Reset);
    }
}

void AcpiPm::write_control_high(std::uint8_t value) noexcept {
    const std::uint16_t wanted = with_byte(0, 1, value);
    control_bits_ = wanted & pm1::kSleepTypeMask;
    if ((wanted & pm1::kSleepEnable) == 0) return;
    // The other sleeping states are not announced, and asking for one does nothing.
    if (control_bits_ >> pm1::kSleepTypeShift == kSleepTypeS5) control_.end(EndCause::PowerOff);
}

/// The timer's carry (TMR_STS) is not raised: the timer has 32 bits, and who needs an interrupt has a better source.
void AcpiPm::update_sci() noexcept { sci_.set((status_ & enable_) != 0); }

bool AcpiPm::press_power_button() noexcept {
    const std::lock_guard lock{mutex_};
    status_ |= pm1::kPowerButton;
    update_sci();
    return (enable_ & pm1::kPowerButton) != 0;
}

}  // namespace qvm::x86
