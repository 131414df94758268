// SPDX-License-Identifier: Apache-2.0
// UART 16550A (National Semiconductor PC16550D data sheet, 1995). Time does not pass on this wire: a byte is sent when
// it is written, unless the host's end cannot take it, and baud rate, parity and break have no effect.
#include <algorithm>
#include <array>
#include <mutex>

#include "devices/host/char_port.hpp"
#include "devices/vdev.hpp"

namespace qvm {

namespace {

constexpr std::uint64_t kWindow = 8;
constexpr std::size_t kFifoDepth = 16;

// PC16550D, 8.0 "Registers", table II. With DLAB set, offsets 0 and 1 are the divisor latch.
enum class Reg : std::uint8_t {
    RbrThr = 0,  // DLL
    Ier = 1,     // DLM
    IirFcr = 2,
    Lcr = 3,
    Mcr = 4,
    Lsr = 5,
    Msr = 6,
    Scr = 7,
};

namespace ier {  // 8.6
constexpr std::uint8_t kErbfi = 0x01, kEtbei = 0x02, kElsi = 0x04, kEdssi = 0x08;
constexpr std::uint8_t kMask = 0x0f;
}  // namespace ier
namespace iir {  // 8.5; by priority
constexpr std::uint8_t kLineStatus = 0x06, kDataAvailable = 0x04, kTimeout = 0x0c, kThrEmpty = 0x02;
constexpr std::uint8_t kModemStatus = 0x00, kNone = 0x01, kFifosEnabled = 0xc0;
}  // namespace iir
namespace fcr {  // 8.4
constexpr std::uint8_t kEnable = 0x01, kResetReceiver = 0x02, kResetTransmitter = 0x04;
constexpr std::array<std::size_t, 4> kTrigger{1, 4, 8, 14};
}  // namespace fcr
namespace lcr {  // 8.1
constexpr std::uint8_t kDlab = 0x80;
}  // namespace lcr
namespace mcr {  // 8.7
constexpr std::uint8_t kDtr = 0x01, kRts = 0x02, kOut1 = 0x04, kOut2 = 0x08, kLoop = 0x10;
constexpr std::uint8_t kMask = 0x1f;
}  // namespace mcr
namespace lsr {  // 8.3
constexpr std::uint8_t kDataReady = 0x01, kOverrun = 0x02, kThrEmpty = 0x20, kTransmitterEmpty = 0x40;
}  // namespace lsr
namespace msr {  // 8.8
constexpr std::uint8_t kDeltaCts = 0x01, kDeltaDsr = 0x02, kTrailingRi = 0x04, kDeltaDcd = 0x08, kDeltas = 0x0f;
constexpr std::uint8_t kCts = 0x10, kDsr = 0x20, kRi = 0x40, kDcd = 0x80;
}  // namespace msr

class Fifo {
public:
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::byte front() const noexcept { return bytes_[head_]; }
    void clear() noexcept { size_ = 0; }
    /// Not when kFifoDepth bytes are in.
    void push(std::byte value) noexcept { bytes_[(head_ + size_++) % kFifoDepth] = value; }
    /// Not when empty.
    void pop() noexcept {
        head_ = (head_ + 1) % kFifoDepth;
        --size_;
    }

private:
    std::array<std::byte, kFifoDepth> bytes_{};
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

/// vCPUs enter by read() and write(), the loop's thread by receive() and writable(). Lock order: mutex_ first, then
/// whatever CharPort and IrqLine lock inside; neither calls back while it is being called.
class Ser8250 final : public Vdev, public IoDevice, public CharClient {
public:
    explicit Ser8250(VdevContext& context)
        : dropped_{context.log(), "ser8250: output lost; the guest wrote without waiting for a full host end"},
          irq_{context.irq()},
          port_{context.char_port()} {
        context.map(GuestLocation::Space::Io, kWindow, *this);
    }

    void start() override { port_->attach(*this); }

    // The chip is eight bits wide: the bus turns a wider access into one cycle per byte.
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        port_->use();
        const std::lock_guard lock{mutex_};
        for (std::byte& byte : data) byte = std::byte{read_register(static_cast<Reg>(offset++ % kWindow))};
        update_irq();
    }

    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        port_->use();
        const std::lock_guard lock{mutex_};
        for (const std::byte byte : data) {
            write_register(static_cast<Reg>(offset++ % kWindow), std::to_integer<std::uint8_t>(byte));
            update_irq();  // after each byte, as each can be an edge of its own
        }
    }

    std::size_t receive(std::span<const std::byte> data) noexcept override {
        const std::lock_guard lock{mutex_};
        const std::size_t room = looping() ? 0 : capacity() - std::min(received_.size(), capacity());
        const std::size_t taken = std::min(room, data.size());
        for (const std::byte byte : data.first(taken)) received_.push(byte);
        input_waits_ = taken < data.size();
        update_irq();
        return taken;
    }

    void writable() noexcept override {
        const std::lock_guard lock{mutex_};
        drain();
        update_irq();
    }

private:
    [[nodiscard]] bool looping() const noexcept { return (mcr_ & mcr::kLoop) != 0; }
    [[nodiscard]] std::size_t capacity() const noexcept { return fifos_ ? kFifoDepth : 1; }

    [[nodiscard]] std::uint8_t read_register(Reg reg) noexcept {
        const bool dlab = (lcr_ & lcr::kDlab) != 0;
        switch (reg) {
            case Reg::RbrThr:
                return dlab ? dll_ : take_received();
            case Reg::Ier:
                return dlab ? dlm_ : ier_;
            case Reg::IirFcr:
                return take_cause();
            case Reg::Lcr:
                return lcr_;
            case Reg::Mcr:
                return mcr_;
            case Reg::Lsr:
                return take_line_status();
            case Reg::Msr:
                return take_modem_status();
            case Reg::Scr:
                return scr_;
        }
        return 0xff;
    }

    void write_register(Reg reg, std::uint8_t value) noexcept {
        const bool dlab = (lcr_ & lcr::kDlab) != 0;
        switch (reg) {
            case Reg::RbrThr:
                return dlab ? void(dll_ = value) : transmit(std::byte{value});
            case Reg::Ier:
                return dlab ? void(dlm_ = value) : write_ier(value);
            case Reg::IirFcr:
                return write_fcr(value);
            case Reg::Lcr:
                lcr_ = value;
                return;
            case Reg::Mcr:
                return write_mcr(value);
            case Reg::Lsr:  // read-only but for the factory's tests
            case Reg::Msr:
                return;
            case Reg::Scr:
                scr_ = value;
                return;
        }
    }

    [[nodiscard]] std::uint8_t take_received() noexcept {
        if (received_.empty()) return 0;
        const auto value = std::to_integer<std::uint8_t>(received_.front());
        received_.pop();
        // Asking for more once per full FIFO is enough.
        if (received_.empty()) resume_input();
        return value;
    }

    void resume_input() noexcept {
        if (!input_waits_ || looping()) return;
        input_waits_ = false;
        port_->resume_input();
    }

    [[nodiscard]] std::uint8_t take_cause() noexcept {
        const std::uint8_t cause = pending_cause();
        if (cause == iir::kThrEmpty) thr_empty_pending_ = false;
        return static_cast<std::uint8_t>(cause | (fifos_ ? iir::kFifosEnabled : 0));
    }

    /// The cause of highest priority, 8.5 table IV. Waiting data below the trigger level is reported as a timeout at
    /// once: everything that the host had to say has already come, so nothing is gained by letting four characters'
    /// time pass.
    [[nodiscard]] std::uint8_t pending_cause() const noexcept {
        if ((ier_ & ier::kElsi) && overrun_) return iir::kLineStatus;
        if ((ier_ & ier::kErbfi) && !received_.empty()) {
            return !fifos_ || received_.size() >= trigger_ ? iir::kDataAvailable : iir::kTimeout;
        }
        if ((ier_ & ier::kEtbei) && thr_empty_pending_) return iir::kThrEmpty;
        if ((ier_ & ier::kEdssi) && (msr_deltas_ & msr::kDeltas)) return iir::kModemStatus;
        return iir::kNone;
    }

    /// On a PC, OUT2 gates the interrupt line. Not here: drivers for PCs set it anyway, and on other boards, and with
    /// most guests that were written against an emulator, the line is not gated.
    void update_irq() noexcept {
        const bool high = pending_cause() != iir::kNone;
        if (high == irq_high_) return;
        irq_high_ = high;
        irq_.set(high);
    }

    [[nodiscard]] std::uint8_t take_line_status() noexcept {
        std::uint8_t value = sending_.empty() ? lsr::kThrEmpty | lsr::kTransmitterEmpty : 0;
        if (!received_.empty()) value |= lsr::kDataReady;
        if (overrun_) value |= lsr::kOverrun;
        overrun_ = false;
        return value;
    }

    /// The host's end is always there, so its modem lines are on, unless the guest has looped its own back (8.7).
    [[nodiscard]] std::uint8_t modem_lines() const noexcept {
        if (!looping()) return msr::kCts | msr::kDsr | msr::kDcd;
        std::uint8_t lines = 0;
        if (mcr_ & mcr::kRts) lines |= msr::kCts;
        if (mcr_ & mcr::kDtr) lines |= msr::kDsr;
        if (mcr_ & mcr::kOut1) lines |= msr::kRi;
        if (mcr_ & mcr::kOut2) lines |= msr::kDcd;
        return lines;
    }

    [[nodiscard]] std::uint8_t take_modem_status() noexcept {
        const auto value = static_cast<std::uint8_t>(modem_lines() | msr_deltas_);
        msr_deltas_ = 0;
        return value;
    }

    void write_ier(std::uint8_t value) noexcept {
        const bool newly = (value & ~ier_ & ier::kEtbei) != 0;
        ier_ = value & ier::kMask;
        // Drivers start sending by this interrupt: an empty transmitter announces itself when it is enabled.
        if (newly && sending_.empty()) thr_empty_pending_ = true;
    }

    /// 8.4: the other bits count only together with the enable bit; changing that one empties both FIFOs.
    void write_fcr(std::uint8_t value) noexcept {
        const bool enable = (value & fcr::kEnable) != 0;
        const bool changed = enable != fifos_;
        fifos_ = enable;
        trigger_ = enable ? fcr::kTrigger[value >> 6] : 1;
        if (changed || (enable && (value & fcr::kResetReceiver))) clear_receiver();
        if (changed || (enable && (value & fcr::kResetTransmitter))) clear_transmitter();
    }

    void clear_receiver() noexcept {
        received_.clear();
        resume_input();
    }

    void clear_transmitter() noexcept {
        if (sending_.empty()) return;
        sending_.clear();
        thr_empty_pending_ = true;
    }

    void write_mcr(std::uint8_t value) noexcept {
        const std::uint8_t before = modem_lines();
        mcr_ = value & mcr::kMask;
        const std::uint8_t after = modem_lines();
        const auto changed = static_cast<std::uint8_t>(before ^ after);
        if (changed & msr::kCts) msr_deltas_ |= msr::kDeltaCts;
        if (changed & msr::kDsr) msr_deltas_ |= msr::kDeltaDsr;
        if (changed & before & msr::kRi) msr_deltas_ |= msr::kTrailingRi;
        if (changed & msr::kDcd) msr_deltas_ |= msr::kDeltaDcd;
        if (received_.empty()) resume_input();
    }

    void transmit(std::byte value) noexcept {
        thr_empty_pending_ = false;
        if (looping()) return loop_back(value);
        if (sending_.size() >= capacity()) return dropped_.count();
        sending_.push(value);
        drain();
    }

    /// What cannot go out now stays in the transmitter, whose status then says "not empty" until writable().
    void drain() noexcept {
        while (!sending_.empty()) {
            if (!port_->put(sending_.front())) return;
            sending_.pop();
        }
        thr_empty_pending_ = true;
    }

    /// 8.3, overrun: a full FIFO keeps what it has; without FIFOs the new character replaces the old one.
    void loop_back(std::byte value) noexcept {
        thr_empty_pending_ = sending_.empty();
        if (received_.size() >= capacity()) {
            overrun_ = true;
            if (fifos_) return;
            received_.clear();
        }
        received_.push(value);
    }

    GuestFault dropped_;
    IrqLine& irq_;

    std::mutex mutex_;  // guards everything below but port_, and the order in which irq_ is driven
    std::uint8_t ier_ = 0;
    std::uint8_t lcr_ = 0;
    std::uint8_t mcr_ = 0;
    std::uint8_t scr_ = 0;
    std::uint8_t dll_ = 0;
    std::uint8_t dlm_ = 0;
    std::uint8_t msr_deltas_ = 0;
    std::size_t trigger_ = 1;
    bool fifos_ = false;
    bool overrun_ = false;
    bool thr_empty_pending_ = false;
    bool irq_high_ = false;
    bool input_waits_ = false;  // the port holds input back until resume_input()
    Fifo received_;
    Fifo sending_;

    std::unique_ptr<CharPort> port_;  // last: gone before anything that its calls touch
};

constexpr OptionSpec kOptions[]{
    {.name = "loc",
     .type = ArgType::Location,
     .help = "first of the 8 registers",
     .fallback = "the board's first UART"},
    {.name = "intr", .type = ArgType::Intr, .help = "interrupt line", .fallback = "the board's first UART"},
    {.name = "hostdev",
     .type = ArgType::HostDev,
     .help = "the host's end: -, a path, /dev/ptmx, unix-listen:path or |command, after < for input only or > for "
             "output only",
     .repeatable = true,
     .fallback = "none: output vanishes"},
    {.name = "delayed",
     .type = ArgType::Delay,
     .help = "open a path or start a command on first use, then retry for so many seconds",
     .fallback = "at the start"},
    {.name = "batch",
     .type = ArgType::Number,
     .help = "gather output until so many microseconds pass without a character",
     .no_effect =
         "not yet: output goes to the host as soon as the I/O thread runs, with all that has gathered by then"},
    {.name = "sched",
     .type = ArgType::Sched,
     .help = "priority of the vdev's thread",
     .no_effect = "all vdevs share one io thread: set host-io-sched"},
};

}  // namespace

extern constinit const VdevType kSer8250{.syntax = {.type = "ser8250", .summary = "UART 16550A", .options = kOptions},
                                         .acpi_hid = "PNP0501",
                                         .make = [](const VdevSpec&, VdevContext& context) -> std::unique_ptr<Vdev> {
                                             return std::make_unique<Ser8250>(context);
                                         }};

}  // namespace qvm
