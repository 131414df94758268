// SPDX-License-Identifier: Apache-2.0
// PrimeCell watchdog (SP805, ARM DDI 0270, revision r1p0). It counts down twice: the first end is an interrupt that the
// guest should clear, the second, while that is still pending, the bite.
#include <algorithm>
#include <array>
#include <mutex>

#include "config/language.hpp"
#include "devices/countdown.hpp"
#include "devices/watchdog_bite.hpp"

namespace qvm {

namespace {

constexpr std::uint64_t kWindow = 0x1000;

// DDI 0270, table 3-1.
enum class Reg : std::uint64_t {
    WdogLoad = 0x000,
    WdogValue = 0x004,
    WdogControl = 0x008,
    WdogIntClr = 0x00c,
    WdogRis = 0x010,
    WdogMis = 0x014,
    WdogLock = 0xc00,
    WdogItcr = 0xf00,
    WdogItop = 0xf04,
};
constexpr std::uint64_t kIdentity = 0xfe0;
constexpr std::array<std::uint8_t, 8> kIds{0x05, 0x18, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};  // 3.3.10 and on

constexpr std::uint32_t kIntEn = 1, kResEn = 2;  // 3.3.3
constexpr std::uint32_t kUnlock = 0x1acc'e551;   // 3.3.7
constexpr std::uint64_t kUsualFrequency = 25'000'000;
constexpr std::uint64_t kNanosecond = 1'000'000'000;

std::uint64_t frequency_of(const VdevSpec& spec) {
    const OptionValue* given = spec.find("frequency");
    if (given == nullptr) return kUsualFrequency;
    const std::uint64_t hertz = std::get<std::uint64_t>(given->value);
    if (hertz != 0 && hertz <= kNanosecond) return hertz;
    throw ConfigError{given->where, "a watchdog counts at 1 Hz to 1 GHz"};
}

/// vCPUs and the loop's thread enter.
class WdtSp805 final : public Vdev, public IoDevice {
public:
    WdtSp805(const VdevSpec& spec, VdevContext& context)
        : frequency_{frequency_of(spec)}, bite_{spec, context}, clock_{context.clock()}, countdown_{context, [this] {
                                                                                                        on_due();
                                                                                                    }} {
        context.map(GuestLocation::Space::Memory, kWindow, *this);
    }

    void pause() override {
        const std::lock_guard lock{mutex_};
        countdown_.hold();
        held_at_ = clock_.monotonic();
    }
    void resume() override {
        const std::lock_guard lock{mutex_};
        countdown_.go_on();
        began_ += clock_.monotonic() - held_at_;
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
    }

private:
    [[nodiscard]] std::uint32_t read_register(std::uint64_t offset) const noexcept {
        if (offset >= kIdentity) return kIds[(offset - kIdentity) / 4 % kIds.size()];
        switch (static_cast<Reg>(offset)) {
            case Reg::WdogLoad:
                return load_;
            case Reg::WdogValue:
                return value();
            case Reg::WdogControl:
                return control_;
            case Reg::WdogRis:
                return pending_ ? 1 : 0;
            case Reg::WdogMis:
                return pending_ && (control_ & kIntEn) != 0 ? 1 : 0;
            case Reg::WdogLock:
                return locked_ ? 1 : 0;
            case Reg::WdogIntClr:
            case Reg::WdogItcr:
            case Reg::WdogItop:
                break;
        }
        return 0;
    }

    void write_register(Reg reg, std::uint32_t value) noexcept {
        if (reg == Reg::WdogLock) {
            locked_ = value != kUnlock;
            return;
        }
        if (locked_) return;
        switch (reg) {
            case Reg::WdogLoad:
                load_ = value;
                return reload();
            case Reg::WdogControl:
                return write_control(value);
            case Reg::WdogIntClr:
                pending_ = false;
                return reload();
            case Reg::WdogValue:
            case Reg::WdogRis:
            case Reg::WdogMis:
            case Reg::WdogLock:
            case Reg::WdogItcr:
            case Reg::WdogItop:
                return;
        }
    }

    /// The counter runs while the interrupt is enabled, and begins anew when it becomes so.
    void write_control(std::uint32_t value) noexcept {
        const bool starts = (value & ~control_ & kIntEn) != 0;
        control_ = value & (kIntEn | kResEn);
        if (starts) return reload();
        if ((control_ & kIntEn) == 0) countdown_.stop();
    }

    [[nodiscard]] std::chrono::nanoseconds period() const noexcept {
        return std::chrono::nanoseconds{load_ * kNanosecond / frequency_};
    }

    void reload() noexcept {
        if ((control_ & kIntEn) == 0) return;
        began_ = clock_.monotonic();
        countdown_.start(period());
    }

    [[nodiscard]] std::uint32_t value() const noexcept {
        if ((control_ & kIntEn) == 0) return load_;
        const auto passed = static_cast<std::uint64_t>((clock_.monotonic() - began_).count());
        const std::uint64_t ticks = passed / kNanosecond * frequency_ + passed % kNanosecond * frequency_ / kNanosecond;
        return load_ - static_cast<std::uint32_t>(std::min<std::uint64_t>(ticks, load_));
    }

    /// What has ended since the last look.
    void look() noexcept {
        if (!countdown_.ran_out()) return;
        if (pending_ && (control_ & kResEn) != 0) return bite_();
        pending_ = true;
        reload();
    }

    void on_due() noexcept {
        const std::lock_guard lock{mutex_};
        look();
    }

    const std::uint64_t frequency_;
    WatchdogBite bite_;
    const Clock& clock_;

    std::mutex mutex_;  // guards everything below
    std::uint32_t load_ = UINT32_MAX;
    std::uint32_t control_ = 0;
    bool pending_ = false;
    bool locked_ = false;
    std::chrono::nanoseconds began_{0};
    std::chrono::nanoseconds held_at_{0};
    Countdown countdown_;  // last: gone before anything that it touches
};

constexpr OptionSpec kOptions[]{
    {.name = "loc", .type = ArgType::Location, .help = "start of its 4 KiB of registers", .fallback = "0x1c0f0000"},
    {.name = "intr", .type = ArgType::Intr, .help = "line that `fiq` raises, once"},
    kWatchdogAction,
    {.name = "frequency", .type = ArgType::Number, .help = "in Hz", .fallback = "25000000"},
};

constexpr std::array<std::string_view, 2> kCompatible{"arm,sp805", "arm,primecell"};
constexpr std::array<std::string_view, 2> kClocks{"wdog_clk", "apb_pclk"};

}  // namespace

extern constinit const VdevType kWdtSp805{
    .syntax = {.type = "wdt-sp805",
               .summary = "PrimeCell watchdog",
               .options = kOptions,
               .boards = Boards::Arm64,
               .footprint = {.size = kWindow}},
    .acpi_hid = {},
    .make = [](const VdevSpec& spec, VdevContext& context) -> std::unique_ptr<Vdev> {
        return std::make_unique<WdtSp805>(spec, context);
    },
    .tree = {"watchdog", kCompatible, kClocks}};

}  // namespace qvm
