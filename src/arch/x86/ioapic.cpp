// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/ioapic.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace qvm::x86 {

namespace {

// 82093AA, 3.1: registers in memory. The EOI register came with the versions above 0x20.
enum class MemoryReg : std::uint64_t { IoRegSel = 0x00, IoWin = 0x10, Eoi = 0x40 };
// 82093AA, 3.2: registers behind the window.
enum class IndirectReg : std::uint8_t { Id = 0x00, Version = 0x01, Arbitration = 0x02, RedirectionTable = 0x10 };

constexpr std::uint32_t kVersion = 0x20;
constexpr std::uint32_t kIdMask = 0x0f00'0000;
static_assert(Ioapic::kMostPins == (0x100 - 0x10) / 2);

// 82093AA, 3.2.4: one entry of the redirection table.
namespace entry {
constexpr std::uint64_t kVector = 0xff;
constexpr unsigned kDeliveryShift = 8;
constexpr std::uint64_t kDeliveryMask = 7ULL << kDeliveryShift;
constexpr std::uint64_t kLogical = 1ULL << 11;
constexpr std::uint64_t kPolarity = 1ULL << 13;
constexpr std::uint64_t kRemoteIrr = 1ULL << 14;
constexpr std::uint64_t kLevel = 1ULL << 15;
constexpr std::uint64_t kMasked = 1ULL << 16;
constexpr unsigned kDestinationShift = 56;
constexpr std::uint64_t kDestination = 0xffULL << kDestinationShift;
constexpr std::uint64_t kWritable = kVector | kDeliveryMask | kLogical | kPolarity | kLevel | kMasked | kDestination;
}  // namespace entry

enum class Delivery : std::uint8_t { Fixed = 0, LowestPriority = 1, Smi = 2, Nmi = 4, Init = 5, ExtInt = 7 };

[[nodiscard]] std::uint32_t value_of(std::span<const std::byte> data) noexcept {
    std::uint32_t value = 0;
    std::memcpy(&value, data.data(), std::min(data.size(), sizeof value));
    return value;
}

}  // namespace

/// A wire. Its number is fixed; the state is in the entry.
class Ioapic::Pin final : public IrqLine {
public:
    Pin(Ioapic& owner, unsigned number) noexcept : owner_{owner}, number_{number} {}
    void set(bool high) noexcept override { owner_.drive(number_, high); }
    bool tell_end(EndListener& listener) override;
    [[nodiscard]] int trigger() noexcept override { return owner_.router_.trigger(owner_.gsi(number_)); }
    void tell() noexcept;

private:
    std::vector<EndListener*> listeners_;  ///< fixed once the vCPUs run
    Ioapic& owner_;
    unsigned number_;
    std::mutex telling_;  // what is told last is true; the owner's is taken inside
};

struct Ioapic::Entry {
    unsigned gsi = 0;
    bool high = false;
    bool heard = false;  ///< somebody listens; he may send the message behind our back. Fixed once the vCPUs run
    std::uint64_t bits = entry::kMasked;
    std::optional<MsiMessage> routed{};  ///< what the router sends for this pin now

    [[nodiscard]] bool masked() const noexcept { return (bits & entry::kMasked) != 0; }
    [[nodiscard]] bool remote_irr() const noexcept { return (bits & entry::kRemoteIrr) != 0; }
    [[nodiscard]] std::uint8_t vector() const noexcept { return static_cast<std::uint8_t>(bits & entry::kVector); }

    /// Only these two modes know levels: the manual calls the others edges whatever the trigger bit says, and as
    /// nobody ever reports their end, a level would be delivered once and never again.
    [[nodiscard]] bool level() const noexcept {
        const auto mode = static_cast<Delivery>((bits & entry::kDeliveryMask) >> entry::kDeliveryShift);
        return (bits & entry::kLevel) != 0 && (mode == Delivery::Fixed || mode == Delivery::LowestPriority);
    }

    /// Intel SDM volume 3, 11.11 "Message signalled interrupts". KVM takes lowest priority from the delivery mode, so
    /// the redirection hint stays 0.
    [[nodiscard]] MsiMessage message() const noexcept {
        constexpr std::uint64_t kAddress = 0xfee0'0000;
        constexpr unsigned kDataAssert = 14, kDataLevel = 15;
        const std::uint64_t destination = bits >> entry::kDestinationShift;
        const std::uint64_t logical = (bits & entry::kLogical) != 0 ? 1 : 0;
        const std::uint32_t trigger = level() ? 1U << kDataLevel | 1U << kDataAssert : 0;
        return {.address = kAddress | destination << 12 | logical << 2,
                .data = static_cast<std::uint32_t>(bits & (entry::kVector | entry::kDeliveryMask)) | trigger};
    }
};

Ioapic::Ioapic(MsiRouter& router, std::optional<std::uint8_t> id, unsigned pins)
    : router_{router},
      gsi_base_{router.reserve(std::clamp(pins, 1U, kMostPins))},
      initial_id_{static_cast<std::uint8_t>(id.value_or(static_cast<std::uint8_t>(gsi_base_ / kPins)) & 0xf)},
      id_{static_cast<std::uint32_t>(initial_id_) << 24},
      entries_(std::clamp(pins, 1U, kMostPins)) {
    for (unsigned i = 0; i < entries_.size(); ++i) {
        entries_[i].gsi = gsi_base_ + i;
        pins_.push_back(std::make_unique<Pin>(*this, i));
        router_.mask(
            entries_[i].gsi);  // until somebody has the wire: each connected input costs the VM's start and end
    }
}

Ioapic::~Ioapic() = default;

bool Ioapic::Pin::tell_end(EndListener& listener) {
    owner_.entries_[number_].heard = true;
    listeners_.push_back(&listener);
    return true;
}

void Ioapic::Pin::tell() noexcept {
    if (listeners_.empty()) return;
    const std::lock_guard lock{telling_};
    const bool open = owner_.lets_through(number_);
    for (EndListener* listener : listeners_) open ? listener->ended() : listener->shut();
}

bool Ioapic::lets_through(unsigned pin) const noexcept {
    const std::lock_guard lock{mutex_};
    return !entries_[pin].masked();
}

unsigned Ioapic::lines() const noexcept { return static_cast<unsigned>(pins_.size()); }

IrqLine& Ioapic::line(unsigned number) {
    IrqLine& pin = *pins_.at(number);
    router_.unmask(gsi(number));
    return pin;
}

void Ioapic::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    std::ranges::fill(data, std::byte{0});
    std::uint32_t value = 0;
    switch (static_cast<MemoryReg>(offset)) {
        case MemoryReg::IoRegSel: {
            const std::lock_guard lock{mutex_};
            value = select_;
            break;
        }
        case MemoryReg::IoWin: {
            const std::lock_guard lock{mutex_};
            value = read_indirect();
            break;
        }
        case MemoryReg::Eoi:  // write-only
            break;
        default:
            faults_.fetch_add(1, std::memory_order_relaxed);
    }
    std::memcpy(data.data(), &value, std::min(data.size(), sizeof value));
}

/// The manual wants 32-bit accesses for all but the select register. Half a redirection entry would be worse than
/// none, so narrower writes do nothing.
void Ioapic::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    const auto reg = static_cast<MemoryReg>(offset);
    const bool known = reg == MemoryReg::IoRegSel || reg == MemoryReg::IoWin || reg == MemoryReg::Eoi;
    if (!known || (reg == MemoryReg::IoWin && data.size() < sizeof(std::uint32_t))) {
        faults_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    const std::uint32_t value = value_of(data);
    Pins changed;
    {
        const std::lock_guard lock{mutex_};
        if (reg == MemoryReg::IoRegSel) {
            select_ = static_cast<std::uint8_t>(value);
        } else if (reg == MemoryReg::IoWin) {
            changed = write_indirect(value);
        } else {
            changed = end_locked(static_cast<std::uint8_t>(value));
        }
    }
    tell(changed);
}

std::uint32_t Ioapic::read_indirect() const noexcept {
    switch (static_cast<IndirectReg>(select_)) {
        case IndirectReg::Id:
        case IndirectReg::Arbitration:
            return id_;
        case IndirectReg::Version:
            return static_cast<std::uint32_t>((entries_.size() - 1) << 16) | kVersion;
        default:
            break;
    }
    constexpr auto kFirst = static_cast<unsigned>(IndirectReg::RedirectionTable);
    if (select_ < kFirst || (select_ - kFirst) / 2 >= entries_.size()) return 0;
    const std::uint64_t bits = entries_[(select_ - kFirst) / 2].bits;
    return static_cast<std::uint32_t>((select_ & 1) != 0 ? bits >> 32 : bits);
}

Ioapic::Pins Ioapic::write_indirect(std::uint32_t value) noexcept {
    constexpr auto kFirst = static_cast<unsigned>(IndirectReg::RedirectionTable);
    if (static_cast<IndirectReg>(select_) == IndirectReg::Id) id_ = value & kIdMask;
    if (select_ < kFirst || (select_ - kFirst) / 2 >= entries_.size()) return {};
    const unsigned pin = (select_ - kFirst) / 2U;
    Pins changed;
    changed.set(pin, write_entry(entries_[pin], (select_ & 1) != 0, value));
    return changed;
}

/// True if that has ended a level, or has changed what those who listen must know. What is still in service then may
/// end with a vector that the entry no longer has: they look now.
bool Ioapic::write_entry(Entry& entry, bool upper, std::uint32_t value) noexcept {
    const std::uint64_t wanted = upper ? (entry.bits & 0xffff'ffff) | static_cast<std::uint64_t>(value) << 32
                                       : (entry.bits & ~0xffff'ffffULL) | value;
    const std::uint64_t before =
        std::exchange(entry.bits, (wanted & entry::kWritable) | (entry.bits & entry::kRemoteIrr));
    // Software that has no EOI register ends a level by making it an edge for a moment.
    const bool ended = entry.remote_irr() && !entry.level();
    if (ended) entry.bits &= ~entry::kRemoteIrr;
    const bool tells = ended || (entry.heard && entry.bits != before);
    if (entry.masked()) return tells;
    update_route(entry);
    if (!tells && entry.level()) deliver_level(entry);
    return tells;
}

/// A masked entry keeps its last route: the kernel tells the end of an interrupt only for vectors that are in its
/// table, and that interrupt may still be in service. Each change replaces the kernel's whole table, hence the compare.
void Ioapic::update_route(Entry& entry) noexcept {
    const MsiMessage wanted = entry.message();
    if (entry.routed == wanted) return;
    entry.routed = wanted;
    router_.route(entry.gsi, wanted);
}

/// An edge on a masked pin is lost, as 82093AA 3.2.4 says of the mask bit; Linux relies on no more and repeats
/// what it has missed itself. A level that is still there when the mask goes is delivered then.
void Ioapic::drive(unsigned pin, bool high) noexcept {
    const std::lock_guard lock{mutex_};
    Entry& entry = entries_[pin];
    const bool rises = high && !entry.high;
    entry.high = high;
    if (!rises || entry.masked()) return;
    if (entry.level()) return deliver_level(entry);
    deliver(entry);
}

void Ioapic::deliver(Entry& entry) noexcept { router_.signal(entry.gsi); }

void Ioapic::deliver_level(Entry& entry) noexcept {
    if (!entry.high || entry.remote_irr()) return;
    entry.bits |= entry::kRemoteIrr;
    deliver(entry);
}

void Ioapic::end_of_interrupt(std::uint8_t vector) noexcept {
    Pins ended;
    {
        const std::lock_guard lock{mutex_};
        ended = end_locked(vector);
    }
    tell(ended);
}

/// Several pins may share the vector; all of them are ended. A level with somebody who looks after it is delivered
/// again once he has looked. What he has sent himself nobody has seen here: he hears of each end with the vector.
Ioapic::Pins Ioapic::end_locked(std::uint8_t vector) noexcept {
    Pins ended;
    for (std::size_t pin = 0; pin < entries_.size(); ++pin) {
        Entry& entry = entries_[pin];
        if (entry.vector() != vector || !(entry.remote_irr() || (entry.heard && entry.level()))) continue;
        entry.bits &= ~entry::kRemoteIrr;
        ended.set(pin);
    }
    return ended;
}

/// Without the lock: who hears of it may drive the pin. While the guest keeps the pin masked he hears that, and nobody
/// looks at the level: a driver that masks before the end has not dealt with it yet.
void Ioapic::tell(const Pins& pins) noexcept {
    if (pins.none()) return;
    for (std::size_t pin = 0; pin < pins_.size(); ++pin) {
        if (!pins.test(pin)) continue;
        pins_[pin]->tell();
        const std::lock_guard lock{mutex_};
        Entry& entry = entries_[pin];
        if (!entry.masked() && entry.level()) deliver_level(entry);
    }
}

}  // namespace qvm::x86
