// SPDX-License-Identifier: Apache-2.0
// PrimeCell real-time clock (PL031, ARM DDI 0224, revision r1p3): seconds since 1970, an alarm, an interrupt. QNX has
// no such vdev; it is there so that a Linux guest knows the time of day at its start.
#include <algorithm>
#include <array>
#include <mutex>

#include "devices/countdown.hpp"
#include "devices/vdev.hpp"

namespace qvm {

namespace {

using std::chrono::seconds;

constexpr std::uint64_t kWindow = 0x1000;

// DDI 0224, table 3-1.
enum class Reg : std::uint64_t {
    RtcDr = 0x000,
    RtcMr = 0x004,
    RtcLr = 0x008,
    RtcCr = 0x00c,
    RtcImsc = 0x010,
    RtcRis = 0x014,
    RtcMis = 0x018,
    RtcIcr = 0x01c,
};
constexpr std::uint64_t kIdentity = 0xfe0;
constexpr std::array<std::uint8_t, 8> kIds{0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};  // 3.3.9 and on

/// vCPUs and the loop's thread enter.
class RtcPl031 final : public Vdev, public IoDevice {
public:
    explicit RtcPl031(VdevContext& context)
        : clock_{context.clock()}, irq_{context.irq()}, alarm_{context, [this] { on_due(); }} {
        context.map(GuestLocation::Space::Memory, kWindow, *this);
    }

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        const std::lock_guard lock{mutex_};
        look();
        const std::uint32_t value = offset % 4 == 0 ? read_register(offset) : 0;
        for (std::size_t i = 0; i < data.size(); ++i)
            data[i] = static_cast<std::byte>(i < sizeof value ? value >> (8 * i) : 0);
    }

    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        const std::lock_guard lock{mutex_};
        look();
        if (offset % 4 != 0) return;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < std::min<std::size_t>(data.size(), sizeof value); ++i)
            value |= std::to_integer<std::uint32_t>(data[i]) << (8 * i);
        write_register(static_cast<Reg>(offset), value);
        update();
    }

private:
    /// The register has 32 bits and goes on with 0.
    [[nodiscard]] std::uint32_t now() const noexcept {
        return static_cast<std::uint32_t>(std::chrono::floor<seconds>(clock_.realtime()).count()) + offset_;
    }

    [[nodiscard]] std::uint32_t read_register(std::uint64_t offset) const noexcept {
        if (offset >= kIdentity) return kIds[(offset - kIdentity) / 4 % kIds.size()];
        switch (static_cast<Reg>(offset)) {
            case Reg::RtcDr:
                return now();
            case Reg::RtcMr:
                return match_;
            case Reg::RtcLr:
                return load_;
            case Reg::RtcCr:
                return 1;  // it cannot be stopped
            case Reg::RtcImsc:
                return enabled_ ? 1 : 0;
            case Reg::RtcRis:
                return pending_ ? 1 : 0;
            case Reg::RtcMis:
                return pending_ && enabled_ ? 1 : 0;
            case Reg::RtcIcr:
                break;
        }
        return 0;
    }

    void write_register(Reg reg, std::uint32_t value) noexcept {
        switch (reg) {
            case Reg::RtcMr:
                match_ = value;
                return set_alarm();
            case Reg::RtcLr:
                load_ = value;
                offset_ += value - now();
                return set_alarm();
            case Reg::RtcImsc:
                enabled_ = (value & 1) != 0;
                return;
            case Reg::RtcIcr:
                if ((value & 1) != 0) pending_ = false;
                return;
            case Reg::RtcDr:
            case Reg::RtcCr:
            case Reg::RtcRis:
            case Reg::RtcMis:
                return;
        }
    }

    /// A match in what a guest takes for the past is no alarm.
    void set_alarm() noexcept {
        const std::uint32_t left = match_ - now();
        if (left > INT32_MAX) return alarm_.stop();
        const auto end = std::chrono::floor<seconds>(clock_.realtime()) + seconds{left};
        alarm_.start(std::max(end - clock_.realtime(), std::chrono::nanoseconds{0}));
    }

    void look() noexcept {
        if (!alarm_.ran_out()) return;
        pending_ = true;
        update();
    }

    void update() noexcept {
        const bool high = pending_ && enabled_;
        if (high == high_) return;
        high_ = high;
        irq_.set(high);
    }

    void on_due() noexcept {
        const std::lock_guard lock{mutex_};
        look();
    }

    const Clock& clock_;
    IrqLine& irq_;

    std::mutex mutex_;  // guards everything below, and the order in which irq_ is driven
    std::uint32_t offset_ = 0;
    std::uint32_t match_ = 0;
    std::uint32_t load_ = 0;
    bool enabled_ = false;
    bool pending_ = false;
    bool high_ = false;
    Countdown alarm_;  // last: gone before anything that it touches
};

constexpr OptionSpec kOptions[]{
    {.name = "loc", .type = ArgType::Location, .help = "start of its 4 KiB of registers", .fallback = "0x1c170000"},
    {.name = "intr", .type = ArgType::Intr, .help = "interrupt line", .fallback = "gic:36"},
};

constexpr std::array<std::string_view, 2> kCompatible{"arm,pl031", "arm,primecell"};
constexpr std::array<std::string_view, 1> kClocks{"apb_pclk"};

}  // namespace

extern constinit const VdevType kRtcPl031{.syntax = {.type = "rtc-pl031",
                                                     .summary = "PrimeCell real-time clock",
                                                     .options = kOptions,
                                                     .boards = Boards::Arm64,
                                                     .footprint = {.size = kWindow}},
                                          .acpi_hid = {},
                                          .make = [](const VdevSpec&, VdevContext& context) -> std::unique_ptr<Vdev> {
                                              return std::make_unique<RtcPl031>(context);
                                          },
                                          .level = true,
                                          .tree = {"rtc", kCompatible, kClocks}};

}  // namespace qvm
