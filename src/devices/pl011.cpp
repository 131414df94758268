// SPDX-License-Identifier: Apache-2.0
// PrimeCell UART (PL011, ARM DDI 0183, revision r1p5). Time does not pass on this wire: a character is sent when it is
// written, unless the host's end cannot take it, and baud rate, parity and break have no effect. There is no DMA
// controller at its DMA interface.
#include <algorithm>
#include <array>
#include <mutex>

#include "devices/host/char_port.hpp"
#include "devices/vdev.hpp"

namespace qvm {

namespace {

constexpr std::uint64_t kWindow = 0x1000;
constexpr std::size_t kFifoDepth = 32;

// DDI 0183, table 3-1.
enum class Reg : std::uint64_t {
    Dr = 0x000,
    RsrEcr = 0x004,
    Fr = 0x018,
    Ilpr = 0x020,
    Ibrd = 0x024,
    Fbrd = 0x028,
    LcrH = 0x02c,
    Cr = 0x030,
    Ifls = 0x034,
    Imsc = 0x038,
    Ris = 0x03c,
    Mis = 0x040,
    Icr = 0x044,
    Dmacr = 0x048,
};
constexpr std::uint64_t kIdentity = 0xfe0;
// 3.3.15 to 3.3.22: part 0x011, designer 0x41, revision 3.
constexpr std::array<std::uint8_t, 8> kIds{0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

namespace fr {  // 3.3.3
constexpr std::uint32_t kCts = 0x001, kDsr = 0x002, kDcd = 0x004, kRxfe = 0x010, kTxff = 0x020, kRxff = 0x040;
constexpr std::uint32_t kTxfe = 0x080, kBusy = 0x008, kRi = 0x100;
}  // namespace fr
namespace dr {  // 3.3.1
constexpr std::uint32_t kOverrun = 0x800;
}  // namespace dr
namespace rsr {  // 3.3.2
constexpr std::uint32_t kOverrun = 0x8;
}  // namespace rsr
namespace lcr {  // 3.3.7
constexpr std::uint32_t kFen = 0x10, kMask = 0xff;
}  // namespace lcr
namespace cr {  // 3.3.8
constexpr std::uint32_t kUarten = 0x001, kLbe = 0x080, kRxe = 0x200, kReset = 0x300, kMask = 0xff87;
constexpr std::uint32_t kDtr = 0x400, kRts = 0x800, kOut1 = 0x1000, kOut2 = 0x2000;
}  // namespace cr
namespace intr {  // 3.3.10 to 3.3.13
constexpr std::uint32_t kRi = 0x001, kCts = 0x002, kDcd = 0x004, kDsr = 0x008;
constexpr std::uint32_t kRx = 0x010, kTx = 0x020, kRt = 0x040, kOe = 0x400, kMask = 0x7ff;
}  // namespace intr
// 3.3.9: levels of the FIFOs, in characters of 32.
constexpr std::array<std::size_t, 8> kReceiveLevels{4, 8, 16, 24, 28, 28, 28, 28};
constexpr std::array<std::size_t, 8> kTransmitLevels{4, 8, 16, 24, 28, 28, 28, 28};
constexpr std::uint32_t kIflsReset = 0x12, kIflsMask = 0x3f;

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
class Pl011 final : public Vdev, public IoDevice, public CharClient {
public:
    explicit Pl011(VdevContext& context)
        : dropped_{context.log(), "pl011: output lost; the guest wrote without waiting for a full host end"},
          irq_{context.irq()},
          port_{context.char_port()} {
        context.map(GuestLocation::Space::Memory, kWindow, *this);
    }

    void start() override { port_->attach(*this); }

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        port_->use();
        const std::lock_guard lock{mutex_};
        std::ranges::fill(data, std::byte{0});
        if (offset % 4 != 0) return;  // inside a register
        const std::uint32_t value = read_register(offset);
        update_irq();
        for (std::size_t i = 0; i < std::min<std::size_t>(data.size(), sizeof value); ++i)
            data[i] = static_cast<std::byte>(value >> (8 * i));
    }

    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        port_->use();
        const std::lock_guard lock{mutex_};
        if (offset % 4 != 0) return;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < std::min<std::size_t>(data.size(), sizeof value); ++i)
            value |= std::to_integer<std::uint32_t>(data[i]) << (8 * i);
        write_register(static_cast<Reg>(offset), value);
        update_irq();
    }

    std::size_t receive(std::span<const std::byte> data) noexcept override {
        const std::lock_guard lock{mutex_};
        const std::size_t room = hears() ? capacity() - std::min(received_.size(), capacity()) : 0;
        const std::size_t taken = std::min(room, data.size());
        for (const std::byte byte : data.first(taken)) received_.push(byte);
        input_waits_ = taken < data.size();
        if (taken != 0) input_came();
        update_irq();
        return taken;
    }

    void writable() noexcept override {
        const std::lock_guard lock{mutex_};
        drain();
        update_irq();
    }

private:
    [[nodiscard]] bool looping() const noexcept { return (cr_ & cr::kLbe) != 0; }
    [[nodiscard]] bool hears() const noexcept {
        constexpr std::uint32_t kNeeded = cr::kUarten | cr::kRxe;
        return (cr_ & kNeeded) == kNeeded && !looping();
    }
    [[nodiscard]] bool fifos() const noexcept { return (lcr_h_ & lcr::kFen) != 0; }
    [[nodiscard]] std::size_t capacity() const noexcept { return fifos() ? kFifoDepth : 1; }

    [[nodiscard]] std::uint32_t read_register(std::uint64_t offset) noexcept {
        if (offset >= kIdentity) return kIds[(offset - kIdentity) / 4 % kIds.size()];
        switch (static_cast<Reg>(offset)) {
            case Reg::Dr:
                return take_received();
            case Reg::RsrEcr:
                return overrun_ ? rsr::kOverrun : 0;
            case Reg::Fr:
                return flags();
            case Reg::Ilpr:
                return ilpr_;
            case Reg::Ibrd:
                return ibrd_;
            case Reg::Fbrd:
                return fbrd_;
            case Reg::LcrH:
                return lcr_h_;
            case Reg::Cr:
                return cr_;
            case Reg::Ifls:
                return ifls_;
            case Reg::Imsc:
                return imsc_;
            case Reg::Ris:
                return ris_;
            case Reg::Mis:
                return ris_ & imsc_;
            case Reg::Dmacr:
            case Reg::Icr:
                break;
        }
        return 0;
    }

    void write_register(Reg reg, std::uint32_t value) noexcept {
        switch (reg) {
            case Reg::Dr:
                return transmit(static_cast<std::byte>(value));
            case Reg::RsrEcr:
                overrun_ = false;
                return;
            case Reg::Ilpr:
                ilpr_ = value & 0xff;
                return;
            case Reg::Ibrd:
                ibrd_ = value & 0xffff;
                return;
            case Reg::Fbrd:
                fbrd_ = value & 0x3f;
                return;
            case Reg::LcrH:
                return write_lcr_h(value);
            case Reg::Cr:
                return write_cr(value);
            case Reg::Ifls:
                ifls_ = value & kIflsMask;
                return;
            case Reg::Imsc:
                imsc_ = value & intr::kMask;
                return;
            case Reg::Icr:
                ris_ &= ~value;
                return;
            case Reg::Fr:
            case Reg::Ris:
            case Reg::Mis:
            case Reg::Dmacr:  // there is nothing to enable
                return;
        }
    }

    [[nodiscard]] std::uint32_t flags() const noexcept {
        std::uint32_t value = modem_lines();
        if (received_.empty()) value |= fr::kRxfe;
        if (received_.size() >= capacity()) value |= fr::kRxff;
        if (sending_.empty()) value |= fr::kTxfe;
        if (sending_.size() >= capacity()) value |= fr::kTxff;
        if (!sending_.empty()) value |= fr::kBusy;
        return value;
    }

    /// The host's end is always there, so its modem lines are on, unless the guest has looped its own back (2.7).
    [[nodiscard]] std::uint32_t modem_lines() const noexcept {
        if (!looping()) return fr::kCts | fr::kDsr | fr::kDcd;
        std::uint32_t lines = 0;
        if ((cr_ & cr::kRts) != 0) lines |= fr::kCts;
        if ((cr_ & cr::kDtr) != 0) lines |= fr::kDsr;
        if ((cr_ & cr::kOut1) != 0) lines |= fr::kDcd;
        if ((cr_ & cr::kOut2) != 0) lines |= fr::kRi;
        return lines;
    }

    [[nodiscard]] std::uint32_t take_received() noexcept {
        if (received_.empty()) return 0;
        auto value = std::to_integer<std::uint32_t>(received_.front());
        received_.pop();
        if (overrun_) value |= dr::kOverrun;
        if (received_.size() < receive_level()) ris_ &= ~intr::kRx;
        if (received_.empty()) {
            ris_ &= ~intr::kRt;
            resume_input();
        }
        return value;
    }

    void resume_input() noexcept {
        if (!input_waits_ || !hears()) return;
        input_waits_ = false;
        port_->resume_input();
    }

    [[nodiscard]] std::size_t receive_level() const noexcept { return fifos() ? kReceiveLevels[ifls_ >> 3 & 7] : 1; }

    /// Characters below the level are reported as a timeout at once: everything that the other end had to say has
    /// already come, so nothing is gained by letting 32 bits' time pass (2.8.4).
    void input_came() noexcept { ris_ |= received_.size() >= receive_level() ? intr::kRx : intr::kRt; }

    /// Changing FEN empties the FIFOs as far as a guest can tell (3.3.7).
    void write_lcr_h(std::uint32_t value) noexcept {
        const bool changed = ((value ^ lcr_h_) & lcr::kFen) != 0;
        lcr_h_ = value & lcr::kMask;
        if (!changed) return;
        received_.clear();
        sending_.clear();
        ris_ &= ~(intr::kRx | intr::kRt);
        resume_input();
    }

    void write_cr(std::uint32_t value) noexcept {
        const std::uint32_t before = modem_lines();
        cr_ = value & cr::kMask;
        modem_changed(before ^ modem_lines());
        if (received_.empty()) resume_input();
    }

    void modem_changed(std::uint32_t lines) noexcept {
        if ((lines & fr::kRi) != 0) ris_ |= intr::kRi;
        if ((lines & fr::kCts) != 0) ris_ |= intr::kCts;
        if ((lines & fr::kDcd) != 0) ris_ |= intr::kDcd;
        if ((lines & fr::kDsr) != 0) ris_ |= intr::kDsr;
    }

    /// As on most boards, a guest that never touched UARTCR is heard all the same: firmware would have set it.
    void transmit(std::byte value) noexcept {
        ris_ &= ~intr::kTx;
        if (looping()) return loop_back(value);
        if (sending_.size() >= capacity()) return dropped_.count();
        sending_.push(value);
        drain();
    }

    /// What cannot go out now stays in the transmitter, whose status then says "not empty" until writable().
    void drain() noexcept {
        while (!sending_.empty()) {
            if (!port_->put(sending_.front())) break;
            sending_.pop();
        }
        if (sending_.size() <= transmit_level()) ris_ |= intr::kTx;
    }

    [[nodiscard]] std::size_t transmit_level() const noexcept { return fifos() ? kTransmitLevels[ifls_ & 7] : 0; }

    void loop_back(std::byte value) noexcept {
        ris_ |= intr::kTx;
        if (received_.size() >= capacity()) {
            overrun_ = true;
            ris_ |= intr::kOe;
            return;
        }
        received_.push(value);
        input_came();
    }

    void update_irq() noexcept {
        const bool high = (ris_ & imsc_) != 0;
        if (high == irq_high_) return;
        irq_high_ = high;
        irq_.set(high);
    }

    GuestFault dropped_;
    IrqLine& irq_;

    std::mutex mutex_;  // guards everything below but port_, and the order in which irq_ is driven
    std::uint32_t ilpr_ = 0;
    std::uint32_t ibrd_ = 0;
    std::uint32_t fbrd_ = 0;
    std::uint32_t lcr_h_ = 0;
    std::uint32_t cr_ = cr::kReset;
    std::uint32_t ifls_ = kIflsReset;
    std::uint32_t imsc_ = 0;
    std::uint32_t ris_ = 0;
    bool overrun_ = false;
    bool irq_high_ = false;
    bool input_waits_ = false;  // the port holds input back until resume_input()
    Fifo received_;
    Fifo sending_;

    std::unique_ptr<CharPort> port_;  // last: gone before anything that its calls touch
};

constexpr OptionSpec kOptions[]{
    {.name = "loc",
     .type = ArgType::Location,
     .help = "start of its 4 KiB of registers",
     .fallback = "the first one's is 0x1c090000"},
    {.name = "intr", .type = ArgType::Intr, .help = "interrupt line", .fallback = "the first one's is gic:37"},
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

constexpr std::array<std::string_view, 2> kCompatible{"arm,pl011", "arm,primecell"};
constexpr std::array<std::string_view, 2> kClocks{"uartclk", "apb_pclk"};

}  // namespace

extern constinit const VdevType kPl011{.syntax = {.type = "pl011",
                                                  .summary = "PrimeCell UART",
                                                  .options = kOptions,
                                                  .boards = Boards::Arm64,
                                                  .footprint = {.size = kWindow}},
                                       .acpi_hid = {},
                                       .make = [](const VdevSpec&, VdevContext& context) -> std::unique_ptr<Vdev> {
                                           return std::make_unique<Pl011>(context);
                                       },
                                       .level = true,
                                       .tree = {"uart", kCompatible, kClocks}};

}  // namespace qvm
