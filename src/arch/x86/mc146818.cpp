// SPDX-License-Identifier: Apache-2.0
// CMOS clock (Motorola MC146818, data sheet ADI-856R2) with 128 bytes and, at 0x32, the century. The host's clock in
// UTC plus an offset that changes when the guest sets the time.
#include <fmt/format.h>
#include <poll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <optional>

#include "config/board_vdevs.hpp"
#include "devices/vdev.hpp"
#include "vmm/error.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm::x86 {

extern const VdevType kMc146818;

namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::uint64_t kWindow = 2;  // index, data
constexpr std::uint8_t kBytes = 128;

// "Address map".
enum Reg : std::uint8_t {
    kSeconds = 0x00,
    kSecondsAlarm = 0x01,
    kMinutes = 0x02,
    kMinutesAlarm = 0x03,
    kHours = 0x04,
    kHoursAlarm = 0x05,
    kDayOfWeek = 0x06,
    kDayOfMonth = 0x07,
    kMonth = 0x08,
    kYear = 0x09,
    kA = 0x0a,
    kB = 0x0b,
    kC = 0x0c,
    kD = 0x0d,
    kCentury = 0x32,  // not of the chip, but of all PCs
};

// Registers A to D. Flags in C and enables in B have the same places.
constexpr std::uint8_t kUpdateInProgress = 0x80, kRateMask = 0x0f, kAAtReset = 0x26;  // A: 32 kHz, 1024 Hz
constexpr std::uint8_t kSet = 0x80, kBinary = 0x04, k24Hours = 0x02;                  // B
constexpr std::uint8_t kPeriodic = 0x40, kAlarm = 0x20, kUpdateEnded = 0x10;          // B and C
constexpr std::uint8_t kInterrupts = kPeriodic | kAlarm | kUpdateEnded;
constexpr std::uint8_t kRequest = 0x80;    // C
constexpr std::uint8_t kValidTime = 0x80;  // D
constexpr std::uint8_t kAnyValue = 0xc0;   // alarm registers: both bits set match everything
constexpr std::uint8_t kAfternoon = 0x80;  // hours, in 12-hour mode
constexpr nanoseconds kWarning{244'000};   // UIP rises that long before an update
constexpr unsigned kDaySeconds = 24 * 60 * 60;

[[nodiscard]] bool is_time(std::uint8_t reg) noexcept {
    return reg == kCentury || (reg <= kYear && reg != kSecondsAlarm && reg != kMinutesAlarm && reg != kHoursAlarm);
}

/// How register B says that numbers are written.
struct Format {
    bool binary;
    bool hours24;

    [[nodiscard]] std::uint8_t encode(unsigned value) const noexcept {
        return static_cast<std::uint8_t>(binary ? value : value / 10 % 10 << 4 | value % 10);
    }
    [[nodiscard]] unsigned decode(std::uint8_t value) const noexcept {
        return binary ? value : (value >> 4) * 10U + (value & 0xf);
    }
    [[nodiscard]] std::uint8_t encode_hour(unsigned hour) const noexcept {
        if (hours24) return encode(hour);
        const std::uint8_t half = hour >= 12 ? kAfternoon : 0;
        return encode(hour % 12 == 0 ? 12 : hour % 12) | half;
    }
    [[nodiscard]] unsigned decode_hour(std::uint8_t value) const noexcept {
        if (hours24) return decode(value);
        const unsigned half = (value & kAfternoon) != 0 ? 12 : 0;
        return decode(value & static_cast<std::uint8_t>(~kAfternoon)) % 12 + half;
    }
};

/// vCPUs and the loop's thread (timer) enter. Flags are worked out when somebody looks or the timer fires; the timer
/// runs only for interrupts that are enabled and not already pending, so an idle guest costs no wake-ups.
class Mc146818 final : public Vdev, public IoDevice {
public:
    Mc146818(const VdevSpec& spec, VdevContext& context)
        : clock_{context.clock()},
          irq_{context.irq()},
          timer_{check("timerfd", ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC))} {
        bytes_[kA] = kAAtReset;
        bytes_[kB] = k24Hours;
        looked_at_ = now();
        preset(spec);
        context.map(GuestLocation::Space::Io, kWindow, *this);
        fired_ = context.loop().watch(timer_.get(), POLLIN, [this](std::uint32_t) { on_timer(); });
    }

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        const std::lock_guard lock{mutex_};
        // The index port cannot be read back on a PC.
        for (std::byte& byte : data) byte = std::byte{offset++ == 1 ? read_register(index_) : std::uint8_t{0xff}};
    }

    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        const std::lock_guard lock{mutex_};
        for (const std::byte byte : data) {
            const auto value = std::to_integer<std::uint8_t>(byte);
            if (offset++ == 0) {
                index_ = value % kBytes;  // bit 7 gates NMIs on a PC
            } else {
                write_register(index_, value);
            }
        }
    }

private:
    void preset(const VdevSpec& spec) {
        for (const OptionValue& option : spec.options) {
            const auto* const pair = std::get_if<NumberPair>(&option.value);
            if (option.spec->name != "reg" || pair == nullptr) continue;
            if (pair->first >= kBytes || pair->second > 0xff) {
                throw ConfigError{option.where,
                                  fmt::format("no such register or value: {:#x},{:#x}", pair->first, pair->second),
                                  "registers are 0 to 0x7f, values 0 to 0xff"};
            }
            write_register(static_cast<std::uint8_t>(pair->first), static_cast<std::uint8_t>(pair->second));
        }
    }

    [[nodiscard]] Format format() const noexcept {
        return {.binary = (bytes_[kB] & kBinary) != 0, .hours24 = (bytes_[kB] & k24Hours) != 0};
    }
    [[nodiscard]] bool stopped() const noexcept { return (bytes_[kB] & kSet) != 0; }
    [[nodiscard]] nanoseconds now() const noexcept { return clock_.realtime() + offset_; }

    [[nodiscard]] std::uint8_t read_register(std::uint8_t reg) noexcept {
        if (is_time(reg) && !stopped()) load_time(now());
        if (reg == kA) return bytes_[kA] | (update_in_progress() ? kUpdateInProgress : std::uint8_t{0});
        if (reg == kC) return take_flags();
        if (reg == kD) return kValidTime;
        return bytes_[reg];
    }

    void write_register(std::uint8_t reg, std::uint8_t value) noexcept {
        if (reg == kC || reg == kD) return;
        look(now());
        if (is_time(reg)) {
            write_time(reg, value);
        } else if (reg == kA) {
            bytes_[kA] = value & static_cast<std::uint8_t>(~kUpdateInProgress);
        } else if (reg == kB) {
            write_b(value);
        } else {
            bytes_[reg] = value;
        }
        looked_at_ = now();
        update();
    }

    /// A driver that finds the bit clear has 244 us to read all of the time.
    [[nodiscard]] bool update_in_progress() const noexcept {
        return !stopped() && std::chrono::floor<seconds>(now() + kWarning) != std::chrono::floor<seconds>(now());
    }

    void write_time(std::uint8_t reg, std::uint8_t value) noexcept {
        if (stopped()) {
            bytes_[reg] = value;
            return;
        }
        load_time(now());
        bytes_[reg] = value;
        store_time();
    }

    void write_b(std::uint8_t value) noexcept {
        const bool was_stopped = stopped();
        if (!was_stopped) load_time(now());                    // the time that SET is to hold
        if (was_stopped && (value & kSet) == 0) store_time();  // in the format in force so far, as the driver wrote it
        bytes_[kB] = value;
    }

    void load_time(nanoseconds at) noexcept {
        namespace chr = std::chrono;
        const chr::sys_seconds time{chr::floor<seconds>(at)};
        const auto day = chr::floor<chr::days>(time);
        const chr::year_month_day date{day};
        const chr::hh_mm_ss clock{time - day};
        const auto year = static_cast<unsigned>(std::max(0, static_cast<int>(date.year())));
        const Format f = format();
        bytes_[kSeconds] = f.encode(static_cast<unsigned>(clock.seconds().count()));
        bytes_[kMinutes] = f.encode(static_cast<unsigned>(clock.minutes().count()));
        bytes_[kHours] = f.encode_hour(static_cast<unsigned>(clock.hours().count()));
        bytes_[kDayOfWeek] = f.encode(chr::weekday{day}.c_encoding() + 1);
        bytes_[kDayOfMonth] = f.encode(static_cast<unsigned>(date.day()));
        bytes_[kMonth] = f.encode(static_cast<unsigned>(date.month()));
        bytes_[kYear] = f.encode(year % 100);
        bytes_[kCentury] = f.encode(year / 100);
    }

    /// Values out of range carry over, as month 13 into the next year; the day of the week follows from the date.
    void store_time() noexcept {
        namespace chr = std::chrono;
        const Format f = format();
        const int year = static_cast<int>(f.decode(bytes_[kCentury]) * 100 + f.decode(bytes_[kYear]));
        const unsigned month = std::max(f.decode(bytes_[kMonth]), 1U) - 1;
        const auto first = chr::year{year} / chr::January / 1 + chr::months{month};
        const auto day = chr::sys_days{first} + chr::days{f.decode(bytes_[kDayOfMonth])} - chr::days{1};
        const auto time = day.time_since_epoch() + chr::hours{f.decode_hour(bytes_[kHours])} +
                          chr::minutes{f.decode(bytes_[kMinutes])} + seconds{f.decode(bytes_[kSeconds])};
        // The fraction of the second stays, except that a clock which was stopped starts at a full second.
        const nanoseconds host = clock_.realtime();
        const nanoseconds fraction = stopped() ? nanoseconds{0} : now() - chr::floor<seconds>(now());
        offset_ = limited(time) + fraction - host;
    }

    /// Years 1700 to 2200: what 64 bits of nanoseconds can say, with room for the offset.
    [[nodiscard]] static nanoseconds limited(seconds time) noexcept {
        constexpr seconds kMost{7'258'118'400};
        return std::clamp(time, -kMost, kMost);
    }

    /// Rate 0 is off; 1 and 2 are the same as 8 and 9 with the 32 kHz time base ("Periodic interrupt selection").
    [[nodiscard]] std::optional<nanoseconds> period() const noexcept {
        const unsigned rate = bytes_[kA] & kRateMask;
        if (rate == 0) return std::nullopt;
        const unsigned shift = rate < 3 ? rate + 6 : rate - 1;
        return nanoseconds{1'000'000'000LL * (1LL << shift) / 32768};
    }

    /// The next second after `from` that the alarm registers match; nothing if none ever does.
    [[nodiscard]] std::optional<seconds> next_alarm(seconds from) const noexcept {
        const Format f = format();
        const auto field = [this](Reg reg, unsigned value) -> std::optional<unsigned> {
            return (bytes_[reg] & kAnyValue) == kAnyValue ? std::nullopt : std::optional{value};
        };
        const auto hour = field(kHoursAlarm, f.decode_hour(bytes_[kHoursAlarm]));
        const auto minute = field(kMinutesAlarm, f.decode(bytes_[kMinutesAlarm]));
        const auto second = field(kSecondsAlarm, f.decode(bytes_[kSecondsAlarm]));
        seconds at = from + seconds{1};
        while (at <= from + seconds{kDaySeconds}) {
            const auto of_day = static_cast<unsigned>((at - std::chrono::floor<std::chrono::days>(at)).count());
            if (hour && *hour != of_day / 3600) {
                at += seconds{3600 - of_day % 3600};
            } else if (minute && *minute != of_day / 60 % 60) {
                at += seconds{60 - of_day % 60};
            } else if (second && *second != of_day % 60) {
                at += seconds{1};
            } else {
                return at;
            }
        }
        return std::nullopt;
    }

    /// Sets the flags of all that has happened since the last look.
    void look(nanoseconds at) noexcept {
        const seconds before = std::chrono::floor<seconds>(looked_at_);
        if (const auto p = period(); p && at / *p > looked_at_ / *p) flags_ |= kPeriodic;
        if (!stopped() && std::chrono::floor<seconds>(at) > before) {
            flags_ |= kUpdateEnded;
            if (const auto alarm = next_alarm(before); alarm && *alarm <= at) flags_ |= kAlarm;
        }
        looked_at_ = at;
    }

    [[nodiscard]] std::uint8_t take_flags() noexcept {
        look(now());
        const std::uint8_t value = flags_ | (pending() ? kRequest : std::uint8_t{0});
        flags_ = 0;
        update();
        return value;
    }

    [[nodiscard]] bool pending() const noexcept { return (flags_ & bytes_[kB] & kInterrupts) != 0; }

    void update() noexcept {
        irq_.set(pending());
        arm();
    }

    /// When the first interrupt that is enabled and not yet pending is due.
    [[nodiscard]] std::optional<nanoseconds> next_event() const noexcept {
        const auto wanted = static_cast<std::uint8_t>(bytes_[kB] & kInterrupts & ~flags_);
        std::optional<nanoseconds> next;
        const auto take = [&next](nanoseconds at) { next = std::min(next.value_or(at), at); };
        if (const auto p = period(); p && (wanted & kPeriodic)) take((looked_at_ / *p + 1) * *p);
        if (stopped()) return next;
        const seconds second = std::chrono::floor<seconds>(looked_at_);
        if (wanted & kUpdateEnded) take(second + seconds{1});
        if (wanted & kAlarm) {
            if (const auto alarm = next_alarm(second)) take(*alarm);
        }
        return next;
    }

    void arm() noexcept {
        const auto next = next_event();
        if (!next && !armed_) return;
        armed_ = next.has_value();
        itimerspec when{};
        if (next) {
            const nanoseconds wait = std::max(*next - looked_at_, nanoseconds{1});
            when.it_value.tv_sec = std::chrono::floor<seconds>(wait).count();
            when.it_value.tv_nsec = (wait - std::chrono::floor<seconds>(wait)).count();
        }
        ::timerfd_settime(timer_.get(), 0, &when, nullptr);
    }

    void on_timer() noexcept {
        std::uint64_t times = 0;
        if (::read(timer_.get(), &times, sizeof times) < 0) return;
        const std::lock_guard lock{mutex_};
        armed_ = false;
        look(now());
        update();
    }

    const Clock& clock_;
    IrqLine& irq_;
    UniqueFd timer_;

    std::mutex mutex_;  // guards everything below but fired_, and the order in which irq_ is driven
    std::array<std::uint8_t, kBytes> bytes_{};  // the time registers are current only while the clock is stopped
    std::uint8_t index_ = 0;
    std::uint8_t flags_ = 0;
    nanoseconds offset_{0};
    nanoseconds looked_at_{0};
    bool armed_ = false;

    Watch fired_;  // last: gone before anything that it touches
};

}  // namespace

constinit const VdevType kMc146818{.syntax = kMc146818Syntax,
                                   .acpi_hid = "PNP0B00",
                                   .make = [](const VdevSpec& spec, VdevContext& context) -> std::unique_ptr<Vdev> {
                                       return std::make_unique<Mc146818>(spec, context);
                                   }};

}  // namespace qvm::x86
