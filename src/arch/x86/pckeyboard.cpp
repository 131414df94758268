// SPDX-License-Identifier: Apache-2.0
// Keyboard controller i8042 (IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device
// Controller") with a keyboard port to which nothing is connected: just enough to reset the board. Every command that
// has an answer gets one at once, because drivers wait half a second for a missing one.
//
// ACPI does not announce it (no PNP0303). Linux then does not probe it, which would end with a port that never gets an
// interrupt; its reboot by port 0x64 works without that.
#include <array>
#include <mutex>

#include "config/board_vdevs.hpp"
#include "devices/vdev.hpp"

namespace qvm::x86 {

extern const VdevType kPckeyboard;

namespace {

// Port 0x61 and its neighbours belong to others on a PC; inside this window they read as nothing at all.
constexpr std::uint64_t kWindow = 5;
enum class Reg : std::uint64_t { Data = 0, StatusCommand = 4 };

namespace status {
constexpr std::uint8_t kOutputFull = 0x01, kSystem = 0x04, kLastWasCommand = 0x08, kNotLocked = 0x10;
}  // namespace status

enum class Command : std::uint8_t {
    ReadRam = 0x20,   // to 0x3f; byte 0 is the command byte
    WriteRam = 0x60,  // to 0x7f
    DisableAux = 0xa7,
    EnableAux = 0xa8,
    TestAux = 0xa9,
    SelfTest = 0xaa,
    TestKeyboard = 0xab,
    DisableKeyboard = 0xad,
    EnableKeyboard = 0xae,
    ReadInputPort = 0xc0,
    ReadOutputPort = 0xd0,
    WriteOutputPort = 0xd1,
    WriteKeyboardBuffer = 0xd2,
    WriteAuxBuffer = 0xd3,
    WriteAux = 0xd4,
    Pulse = 0xf0,  // to 0xff; bits that are 0 are pulsed low
};

constexpr std::uint8_t kRamSize = 0x20;
constexpr std::uint8_t kKeyboardOff = 0x10, kAuxOff = 0x20;  // command byte
// Keyboard interrupt on, self-test passed, no auxiliary device, translation to set 1.
constexpr std::uint8_t kCommandByteAtReset = 0x65;
constexpr std::uint8_t kNotReset = 0x01;  // output port; low resets the processor
constexpr std::uint8_t kA20 = 0x02;
constexpr std::uint8_t kSelfTestPassed = 0x55, kTestPassed = 0x00, kClockStuckLow = 0x01;

class Pckeyboard final : public Vdev, public IoDevice {
public:
    explicit Pckeyboard(VdevContext& context) : control_{context.control()} {
        ram_[0] = kCommandByteAtReset;
        context.map(GuestLocation::Space::Io, kWindow, *this);
    }

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        const std::lock_guard lock{mutex_};
        for (std::byte& byte : data) byte = std::byte{read_register(static_cast<Reg>(offset++))};
    }

    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        const std::lock_guard lock{mutex_};
        for (const std::byte byte : data) {
            write_register(static_cast<Reg>(offset++), std::to_integer<std::uint8_t>(byte));
        }
    }

private:
    [[nodiscard]] std::uint8_t read_register(Reg reg) noexcept {
        if (reg == Reg::StatusCommand) return status_;
        if (reg != Reg::Data) return 0xff;
        status_ &= static_cast<std::uint8_t>(~status::kOutputFull);
        return output_;
    }

    void write_register(Reg reg, std::uint8_t value) noexcept {
        if (reg == Reg::StatusCommand) {
            status_ |= status::kLastWasCommand;
            waiting_ = 0;
            command(value);
        } else if (reg == Reg::Data) {
            status_ &= static_cast<std::uint8_t>(~status::kLastWasCommand);
            argument(value);
        }
    }

    void command(std::uint8_t value) noexcept {
        if (value >= static_cast<std::uint8_t>(Command::Pulse)) return pulse(value);
        const std::uint8_t at = value % kRamSize;
        if (value - at == static_cast<std::uint8_t>(Command::ReadRam)) return answer(ram_[at]);
        if (value - at == static_cast<std::uint8_t>(Command::WriteRam)) return void(waiting_ = value);
        switch (static_cast<Command>(value)) {
            case Command::SelfTest:
                status_ |= status::kSystem;
                return answer(kSelfTestPassed);
            case Command::TestKeyboard:
                return answer(kTestPassed);
            case Command::TestAux:  // there is none
                return answer(kClockStuckLow);
            case Command::DisableKeyboard:
                return set_command_bits(kKeyboardOff, true);
            case Command::EnableKeyboard:
                return set_command_bits(kKeyboardOff, false);
            case Command::DisableAux:
                return set_command_bits(kAuxOff, true);
            case Command::EnableAux:
                return set_command_bits(kAuxOff, false);
            case Command::ReadInputPort:
                return answer(0x80);  // keyboard not locked
            case Command::ReadOutputPort:
                return answer(kNotReset | kA20);
            case Command::WriteOutputPort:
            case Command::WriteKeyboardBuffer:
            case Command::WriteAuxBuffer:
            case Command::WriteAux:
                waiting_ = value;
                return;
            default:
                return;
        }
    }

    /// A byte for the command before it, or for the keyboard that is not there.
    void argument(std::uint8_t value) noexcept {
        const std::uint8_t wanted = waiting_;
        waiting_ = 0;
        const std::uint8_t at = wanted % kRamSize;
        if (wanted - at == static_cast<std::uint8_t>(Command::WriteRam)) ram_[at] = value;
        switch (static_cast<Command>(wanted)) {
            case Command::WriteOutputPort:
                if ((value & kNotReset) == 0) control_.end(EndCause::Reset);
                return;
            case Command::WriteKeyboardBuffer:
            case Command::WriteAuxBuffer:  // the answer is not marked as coming from an auxiliary device
                return answer(value);
            default:
                return;
        }
    }

    void pulse(std::uint8_t value) noexcept {
        if ((value & kNotReset) == 0) control_.end(EndCause::Reset);
    }

    void answer(std::uint8_t value) noexcept {
        output_ = value;
        status_ |= status::kOutputFull;
    }

    void set_command_bits(std::uint8_t bits, bool on) noexcept {
        ram_[0] = static_cast<std::uint8_t>(on ? ram_[0] | bits : ram_[0] & ~bits);
    }

    VmControl& control_;

    std::mutex mutex_;  // guards everything below
    std::uint8_t status_ = status::kSystem | status::kNotLocked;
    std::uint8_t output_ = 0;
    std::uint8_t waiting_ = 0;  // the command whose argument comes next
    std::array<std::uint8_t, kRamSize> ram_{};
};

}  // namespace

constinit const VdevType kPckeyboard{.syntax = kPckeyboardSyntax,
                                     .acpi_hid = {},
                                     .make = [](const VdevSpec&, VdevContext& context) -> std::unique_ptr<Vdev> {
                                         return std::make_unique<Pckeyboard>(context);
                                     }};

}  // namespace qvm::x86
