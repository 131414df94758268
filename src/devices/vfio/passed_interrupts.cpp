// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/passed_interrupts.hpp"

#include <algorithm>
#include <utility>

#include "devices/pci/registers.hpp"
#include "vmm/error.hpp"

namespace qvm {

namespace {

/// The MSI and MSI-X capabilities (PCI 3.0, 6.8.1, 6.8.2).
constexpr std::size_t kControl = 2, kTable = 4, kPending = 8;
constexpr std::uint16_t kTableSize = 0x7ff;
constexpr std::uint16_t kMsixFunctionMask = 1U << 14;
constexpr std::uint16_t kMsixEnable = 1U << 15;
constexpr std::uint32_t kBarNumber = 7;
constexpr std::uint64_t kEntrySize = 16;

constexpr std::size_t kInterruptLine = static_cast<std::size_t>(pci::Reg::InterruptLine);
constexpr std::size_t kInterruptPin = static_cast<std::size_t>(pci::Reg::InterruptPin);

}  // namespace

PassedInterrupts::PassedInterrupts(VfioDevice& device, PassedConfig& config, const PciServices& services,
                                   const Place& place, GuestFault& refused)
    : device_{device}, refused_{refused}, pin_{place.wire} {
    own_pin(config, place.slot);
    own_msi(config, services, place.slot);
    own_msix(config, services, place.slot);
    fds_.reserve(std::max({1U, msix_vectors(), msi_ ? msi_->vectors() : 0}));
}

PassedInterrupts::~PassedInterrupts() { end(); }

void PassedInterrupts::end() noexcept {
    const std::scoped_lock lock{mutex_};
    stop();
    started_ = false;
}

/// A board whose controllers cannot tell the end of an interrupt has no levels for us.
void PassedInterrupts::own_pin(PassedConfig& config, PciSlot slot) {
    if (device_.interrupts(VfioDevice::kIntx) == 0 || !pin_.tell_end(*this)) return;
    has_pin_ = true;
    config.own().set(kInterruptLine, static_cast<std::uint8_t>(pin_.wire().number()));
    config.own().set(kInterruptPin, static_cast<std::uint8_t>(slot.pin() + 1));
}

void PassedInterrupts::own_msi(PassedConfig& config, const PciServices& services, PciSlot slot) {
    const std::size_t offset = config.capabilities().msi;
    if (offset == 0) return;
    const Msi::Form form = Msi::form(config.device_value<std::uint16_t>(offset + kControl));
    msi_.emplace(services.router, form, config.own(), offset, slot.index());
    config.emulate(offset, Msi::size(form));
}

void PassedInterrupts::own_msix(PassedConfig& config, const PciServices& services, PciSlot slot) {
    const std::size_t offset = config.capabilities().msix;
    if (offset == 0) return;
    const unsigned vectors = (config.device_value<std::uint16_t>(offset + kControl) & kTableSize) + 1U;
    const auto table = config.device_value<std::uint32_t>(offset + kTable);
    const auto pending = config.device_value<std::uint32_t>(offset + kPending);
    table_bar_ = table & kBarNumber;
    table_at_ = table & ~kBarNumber;
    pending_bar_ = pending & kBarNumber;
    pending_at_ = pending & ~kBarNumber;
    msix_ = std::make_unique<Msix>(services.router, vectors, slot.index());
    msix_control_ = offset + kControl;
    config.own().set(msix_control_, static_cast<std::uint16_t>(vectors - 1));
    config.own().allow(msix_control_, static_cast<std::uint16_t>(kMsixEnable | kMsixFunctionMask));
    config.emulate(msix_control_, 2);
}

std::vector<BarHole> PassedInterrupts::holes(unsigned bar) {
    std::vector<BarHole> all;
    if (!msix_) return all;
    const std::uint64_t pending_bytes = align_up(msix_->vectors(), 64) / 8;
    if (const auto table = Range::make(table_at_, msix_->vectors() * kEntrySize); table && table_bar_ == bar)
        all.push_back({*table, this, 0});
    if (const auto pending = Range::make(pending_at_, pending_bytes); pending && pending_bar_ == bar)
        all.push_back({*pending, this, msix_->pending_offset()});
    return all;
}

void PassedInterrupts::read(std::uint64_t offset, std::span<std::byte> data) noexcept { msix_->read(offset, data); }

void PassedInterrupts::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    msix_->write(offset, data);
    const std::scoped_lock lock{mutex_};
    use(mode_);
    tell_moves();
}

void PassedInterrupts::connect() {
    if (msi_) msi_->connect();
    if (msix_) msix_->connect();
}

void PassedInterrupts::start(EventLoop& loop) {
    pin_trigger_ = pin_.trigger();
    if (pin_trigger_ < 0) pin_watch_ = loop.watch(pin_event_, [this] { fired(); });
    const std::scoped_lock lock{mutex_};
    started_ = true;
    use(has_pin_ ? Mode::Intx : Mode::Off);
    if (has_pin_ && armed_ == 0)
        throw HostError{"a passed device's interrupt pin cannot be had: another device of the host shares its line"};
}

std::optional<unsigned> PassedInterrupts::line() const noexcept {
    return has_pin_ ? std::optional{pin_.wire().number()} : std::nullopt;
}

void PassedInterrupts::settle(PassedConfig& config) noexcept {
    const ConfigSpace& space = config.own();
    const auto control = msix_ ? space.get<std::uint16_t>(msix_control_) : std::uint16_t{0};
    const bool msix = (control & kMsixEnable) != 0;
    const bool disabled = (config.command() & pci::command::kInterruptDisable) != 0;
    const std::scoped_lock lock{mutex_};
    if (msi_) msi_->settle(space);
    if (msix_) msix_->control(msix, (control & kMsixFunctionMask) != 0);
    const bool msi = msi_ && msi_->enabled();
    gate_pin(!disabled && !msi && !msix);
    if (msix)
        use(Mode::Msix);
    else if (msi)
        use(Mode::Msi);
    else
        use(has_pin_ ? Mode::Intx : Mode::Off);
    tell_moves();
}

void PassedInterrupts::tell_moves() noexcept {
    const bool msi = msi_ && msi_->take_moved();
    const bool msix = msix_ && msix_->take_moved();
    if ((msi || msix) && vectors_event_ != nullptr) vectors_event_->signal();
}

ArmedMessages PassedInterrupts::armed_messages() {
    const std::scoped_lock lock{mutex_};
    ArmedMessages all{.arming = arming_};
    if (held_ || (mode_ != Mode::Msi && mode_ != Mode::Msix)) return all;
    for (unsigned vector = 0; vector < armed_; ++vector)
        all.addresses.push_back(mode_ == Mode::Msi ? msi_->address(vector) : msix_->address(vector));
    return all;
}

void PassedInterrupts::show_pending(PassedConfig& config) noexcept {
    const std::scoped_lock lock{mutex_};
    if (msi_) msi_->show_pending(config.own());
}

/// Not for Off.
unsigned PassedInterrupts::kind_of(Mode mode) noexcept {
    if (mode == Mode::Intx) return VfioDevice::kIntx;
    return mode == Mode::Msi ? VfioDevice::kMsi : VfioDevice::kMsix;
}

int PassedInterrupts::trigger(Mode mode, unsigned vector) noexcept {
    if (mode == Mode::Intx) return pin_trigger_ < 0 ? pin_event_.fd() : pin_trigger_;
    if (held_) return -1;
    return mode == Mode::Msi ? msi_->trigger(vector) : msix_->trigger(vector);
}

/// With MSI-X as many vectors as the guest has let through so far: each is one of the host's.
unsigned PassedInterrupts::wanted(Mode mode) const noexcept {
    switch (mode) {
        case Mode::Off:
            break;
        case Mode::Intx:
            return 1;
        case Mode::Msi:
            return msi_->used();
        case Mode::Msix:
            return std::max(1U, msix_->used());
    }
    return 0;
}

/// The device has one kind on at a time. Kernels of today allocate vectors when a kind is switched on only, so that for
/// more of them it is off for a moment. What came in it is lost, and a driver that is told too often only looks in
/// vain: the vectors that the guest used before are signalled once.
void PassedInterrupts::use(Mode mode) noexcept {
    if (!started_) return;
    const unsigned count = wanted(mode);
    if (mode == mode_ && count <= armed_) return;
    const unsigned before = mode == mode_ && mode == Mode::Msix ? armed_ : 0;
    stop();
    arm(mode, count);
    if (before != 0) msix_->signal_used(before);
}

void PassedInterrupts::arm(Mode mode, unsigned count) noexcept {
    mode_ = mode;
    armed_ = 0;
    if (mode == Mode::Off) return;
    fds_.clear();
    for (unsigned vector = 0; vector < count; ++vector) fds_.push_back(trigger(mode, vector));
    // What the host does not give once it is not asked for again until the guest starts anew.
    armed_ = count;
    ++arming_;
    if (device_.set_triggers(kind_of(mode), fds_)) {
        if (mode == Mode::Intx && !(pin_open_ && line_open_)) hold_pin();
        if (mode != Mode::Intx && vectors_event_ != nullptr) vectors_event_->signal();
        return;
    }
    refused_.count();
    if (mode == Mode::Intx) armed_ = 0;
}

void PassedInterrupts::hold(bool held) noexcept {
    const std::scoped_lock lock{mutex_};
    if (std::exchange(held_, held) == held || (mode_ != Mode::Msi && mode_ != Mode::Msix)) return;
    arm(mode_, armed_);
    if (held) return;
    if (mode_ == Mode::Msi) return msi_->signal_used();
    msix_->signal_used(armed_);
}

void PassedInterrupts::stop() noexcept {
    if (mode_ != Mode::Off) (void)device_.set_triggers(kind_of(mode_), {});
    if (mode_ == Mode::Intx) pin_.set(false);
    mode_ = Mode::Off;
    armed_ = 0;
}

/// On the loop's thread. It may come late, when the guest uses something else.
void PassedInterrupts::fired() noexcept {
    const std::scoped_lock lock{mutex_};
    if (mode_ == Mode::Intx) pin_.set(true);
}

/// On a vCPU's thread. If the device still pulls, the kernel signals anew.
void PassedInterrupts::ended() noexcept {
    const std::scoped_lock lock{mutex_};
    line_open_ = true;
    if (pin_open_) look_again();
}

void PassedInterrupts::shut() noexcept {
    const std::scoped_lock lock{mutex_};
    line_open_ = false;
    hold_pin();
}

/// Of what has been the device's level while nobody could see it, the end has not been seen either.
void PassedInterrupts::gate_pin(bool open) noexcept {
    if (open && !pin_open_) look_again();
    if (!open && pin_open_) hold_pin();
    pin_open_ = open;
    pin_.open(open);
}

/// Whether the kernel has signalled its trigger nobody here knows; what is not masked stays so.
void PassedInterrupts::look_again() noexcept {
    if (mode_ != Mode::Intx) return;
    if (pin_trigger_ < 0) {
        if (!pin_.high()) return;
        pin_.set(false);
    } else if (!line_open_) {
        return;
    }
    (void)device_.unmask(VfioDevice::kIntx);
}

/// What would go by its trigger would go past the guest's mask.
void PassedInterrupts::hold_pin() noexcept {
    if (mode_ == Mode::Intx && pin_trigger_ >= 0) device_.mask(VfioDevice::kIntx);
}

}  // namespace qvm
