// SPDX-License-Identifier: Apache-2.0
// The watchdog of the IB700 single board computer. There is no data sheet any more; its ports and times are those that
// Linux's driver drivers/watchdog/ib700wdt.c quotes from the board's manual.
#include <algorithm>
#include <mutex>

#include "config/board_vdevs.hpp"
#include "devices/countdown.hpp"
#include "devices/watchdog_bite.hpp"

namespace qvm::x86 {

extern const VdevType kWdtIb700;

namespace {

/// Offsets from the first port. What is written to Disable does not matter.
enum class Port : std::uint64_t { Disable = 0, Enable = 2 };
constexpr std::uint64_t kWindow = 3;

/// "Watchdog timer control table": level 0xf is 0 s, each below it 2 s more.
[[nodiscard]] std::chrono::seconds time_of(std::uint8_t level) noexcept {
    constexpr unsigned kLevels = 0xf;
    return std::chrono::seconds{2 * (kLevels - (level & kLevels))};
}

/// vCPUs and the loop's thread enter.
class WdtIb700 final : public Vdev, public IoDevice {
public:
    WdtIb700(const VdevSpec& spec, VdevContext& context)
        : bite_{spec, context}, countdown_{context, [this] { on_due(); }} {
        context.map(GuestLocation::Space::Io, kWindow, *this);
    }

    void pause() override {
        const std::lock_guard lock{mutex_};
        countdown_.hold();
    }
    void resume() override {
        const std::lock_guard lock{mutex_};
        countdown_.go_on();
    }

    /// No port of it can be read.
    void read(std::uint64_t /*offset*/, std::span<std::byte> data) noexcept override {
        std::ranges::fill(data, std::byte{0xff});
    }

    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        const std::lock_guard lock{mutex_};
        if (countdown_.ran_out()) bite_();
        for (const std::byte byte : data) {
            const auto port = static_cast<Port>(offset++);
            if (port == Port::Disable) countdown_.stop();
            if (port == Port::Enable) countdown_.start(time_of(std::to_integer<std::uint8_t>(byte)));
        }
    }

private:
    void on_due() noexcept {
        const std::lock_guard lock{mutex_};
        if (countdown_.ran_out()) bite_();
    }

    WatchdogBite bite_;
    std::mutex mutex_;     // guards countdown_
    Countdown countdown_;  // last: gone before anything that it touches
};

}  // namespace

constinit const VdevType kWdtIb700{.syntax = kIb700Syntax,
                                   .acpi_hid = {},  // its driver knows where it is
                                   .make = [](const VdevSpec& spec, VdevContext& context) -> std::unique_ptr<Vdev> {
                                       return std::make_unique<WdtIb700>(spec, context);
                                   }};

}  // namespace qvm::x86
