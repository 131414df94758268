// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

namespace qvm {

namespace {

using pci::Reg;

constexpr std::size_t at(Reg reg) noexcept { return static_cast<std::size_t>(reg); }
constexpr std::size_t bar_register(std::size_t index) noexcept { return at(Reg::Bar0) + index * sizeof(std::uint32_t); }

constexpr std::uint64_t kSmallestBar = 4 * kKiB;
constexpr std::uint64_t kLargestBar = 2 * kGiB;
constexpr std::size_t kListSize = 2;  ///< what each capability has for the list

/// The MSI-X capability (PCI 3.0, 6.8.2, figure 6-11).
constexpr std::uint8_t kMsixId = 0x11;
constexpr std::size_t kMsixSize = 12;
constexpr std::size_t kMsixControl = 2, kMsixTable = 4, kMsixPending = 8;
constexpr std::uint16_t kMsixFunctionMask = 1U << 14;
constexpr std::uint16_t kMsixEnable = 1U << 15;

constexpr std::uint16_t kCommandBits = pci::command::kMemorySpace | pci::command::kBusMaster |
                                       pci::command::kParityErrorResponse | pci::command::kSerrEnable |
                                       pci::command::kInterruptDisable;

}  // namespace

PciEndpoint::PciEndpoint(const PciServices& services, SharedWire& wire, PciSlot slot, PciOwner owner)
    : services_{services}, slot_{slot}, owner_{std::move(owner)}, pin_{wire} {
    space_.allow(at(Reg::Command), kCommandBits);
    space_.allow_clearing(at(Reg::Status), pci::status::kErrors);
    space_.allow(at(Reg::CacheLineSize), std::uint8_t{0xff});
    space_.allow(at(Reg::InterruptLine), std::uint8_t{0xff});
}

void PciEndpoint::identify(const PciIdentity& identity) noexcept {
    space_.set(at(Reg::VendorId), identity.vendor);
    space_.set(at(Reg::DeviceId), identity.device);
    space_.set(at(Reg::RevisionId), identity.revision);
    space_.set(at(Reg::ClassCode), static_cast<std::uint16_t>(identity.class_code));
    space_.set(at(Reg::ClassCode) + 2, static_cast<std::uint8_t>(identity.class_code >> 16));
    space_.set(at(Reg::SubsystemVendorId), identity.subsystem_vendor);
    space_.set(at(Reg::SubsystemId), identity.subsystem);
}

PciEndpoint::Bar& PciEndpoint::bar(unsigned index) {
    if (index >= bars_.size()) throw std::logic_error{"a PCI function has six BARs"};
    return bars_[index];
}

/// The register's low bits stay 0: 32-bit, not prefetchable (6.2.5.1). That the bits below the size are fixed, too, is
/// how software finds the size.
void PciEndpoint::add_bar(unsigned index, std::uint64_t size, IoDevice& registers) {
    Bar& bar = this->bar(index);
    if (bar.size != 0 || !std::has_single_bit(size) || size < kSmallestBar || size > kLargestBar)
        throw std::logic_error{"a PCI function's BAR is a power of two from 4 KiB to 2 GiB"};
    bar.size = size;
    bar.routed = &services_.bars.add(registers, size);
    space_.allow(bar_register(index), static_cast<std::uint32_t>(~(size - 1)));
    if (!services_.window.range()) return;
    const auto place = services_.window.take(size);
    if (!place)
        throw ConfigError{
            owner_.where,
            fmt::format("{} needs {:#x} bytes of PCI's addresses, and they are used up", owner_.title, size),
            "leave more addresses below 4 GiB free of 'ram', 'rom' and 'loc'"};
    space_.set(bar_register(index), static_cast<std::uint32_t>(place->start()));
}

std::uint8_t PciEndpoint::add_capability(std::uint8_t id, std::span<const std::byte> body) {
    const std::uint8_t offset = space_.add_capability(id, kListSize + body.size());
    std::size_t next = offset + kListSize;
    for (const std::byte value : body) space_.set(next++, std::to_integer<std::uint8_t>(value));
    return offset;
}

std::uint8_t PciEndpoint::add_capability(std::uint8_t id, std::uint8_t size, IoDevice& body) {
    const std::uint8_t offset = space_.add_capability(id, kListSize + size);
    bodies_.push_back({offset + kListSize, size, &body});
    return offset;
}

MsixVectors& PciEndpoint::add_msix(unsigned index, unsigned vectors) {
    msix_ = std::make_unique<Msix>(services_.router, vectors, slot_.index());
    add_bar(index, msix_->bar_size(), *msix_);
    const std::size_t offset = space_.add_capability(kMsixId, kMsixSize);
    msix_control_ = offset + kMsixControl;
    space_.set(msix_control_, static_cast<std::uint16_t>(vectors - 1));
    space_.allow(msix_control_, static_cast<std::uint16_t>(kMsixEnable | kMsixFunctionMask));
    space_.set(offset + kMsixTable, std::uint32_t{index});
    space_.set(offset + kMsixPending, msix_->pending_offset() | index);
    return *msix_;
}

void PciEndpoint::add_doorbell(unsigned index, const Doorbell& bell, int fd) { bar(index).bells.push_back({bell, fd}); }

IrqLine& PciEndpoint::intx() {
    space_.set(at(Reg::InterruptPin), static_cast<std::uint8_t>(slot_.pin() + 1));
    space_.set(at(Reg::InterruptLine), static_cast<std::uint8_t>(pin_.wire().number()));
    return pin_;
}

void PciEndpoint::be_multi_function() noexcept { space_.set(at(Reg::HeaderType), pci::kMultiFunction); }

void PciEndpoint::connect() {
    if (msix_) msix_->connect();
}

/// What a device answers for is asked for without the lock: it may be on its way to this function's pin.
void PciEndpoint::read_config(std::uint64_t offset, std::span<std::byte> data) noexcept {
    {
        const std::scoped_lock lock{mutex_};
        const auto status = space_.get<std::uint16_t>(at(Reg::Status)) & ~unsigned{pci::status::kInterruptStatus};
        space_.set(at(Reg::Status),
                   static_cast<std::uint16_t>(status | (pin_.high() ? pci::status::kInterruptStatus : 0U)));
        space_.read(offset, data);
    }
    for (const Body& body : bodies_) {
        const std::uint64_t first = std::max(offset, body.offset);
        const std::uint64_t end = std::min(offset + data.size(), body.offset + body.size);
        if (first < end) body.device->read(first - body.offset, data.subspan(first - offset, end - first));
    }
}

void PciEndpoint::write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    {
        const std::scoped_lock lock{mutex_};
        space_.write(offset, data);
        settle();
    }
    for (const Body& body : bodies_) {
        const std::uint64_t first = std::max(offset, body.offset);
        const std::uint64_t end = std::min(offset + data.size(), body.offset + body.size);
        if (first < end) body.device->write(first - body.offset, data.subspan(first - offset, end - first));
    }
}

/// Makes what the registers say true. Does nothing where nothing has changed.
void PciEndpoint::settle() noexcept {
    settle_bars();
    const auto control = msix_ ? space_.get<std::uint16_t>(msix_control_) : std::uint16_t{0};
    const auto command = space_.get<std::uint16_t>(at(Reg::Command));
    pin_.open((control & kMsixEnable) == 0 && (command & pci::command::kInterruptDisable) == 0);
    if (msix_) msix_->control((control & kMsixEnable) != 0, (control & kMsixFunctionMask) != 0);
}

bool PciEndpoint::decodes_memory() const noexcept {
    return (space_.get<std::uint16_t>(at(Reg::Command)) & pci::command::kMemorySpace) != 0;
}

void PciEndpoint::settle_bars() noexcept {
    const bool decoded = decodes_memory();
    for (std::size_t index = 0; index < bars_.size(); ++index) {
        Bar& bar = bars_[index];
        if (bar.size == 0) continue;
        const std::uint64_t base = space_.get<std::uint32_t>(bar_register(index));
        move(bar, decoded ? std::optional{base} : std::nullopt);
    }
}

void PciEndpoint::move(Bar& bar, std::optional<std::uint64_t> base) noexcept {
    if (bar.base == base) return;
    const auto reachable = [&] { return bar.base && services_.window.holds(*bar.base, bar.size); };
    const auto absolute = [&](Doorbell bell) {
        bell.address += *bar.base;
        return bell;
    };
    if (reachable())
        for (const auto& [bell, fd] : bar.bells) services_.doorbells.detach(absolute(bell), fd);
    bar.base = base;
    if (!reachable()) {
        bar.routed->hide();
        if (base) services_.misplaced.count();
        return;
    }
    bar.routed->move(*base);
    for (const auto& [bell, fd] : bar.bells) services_.doorbells.attach(absolute(bell), fd);
}

PciFacts PciEndpoint::facts() const {
    PciFacts facts{.slot = slot_,
                   .owner = &owner_,
                   .vendor = space_.get<std::uint16_t>(at(Reg::VendorId)),
                   .device = space_.get<std::uint16_t>(at(Reg::DeviceId)),
                   .bars = {},
                   .line = {},
                   .vectors = msix_ ? msix_->vectors() : 0};
    for (unsigned index = 0; index < bars_.size(); ++index) {
        const auto range = Range::make(space_.get<std::uint32_t>(bar_register(index)), bars_[index].size);
        if (range && services_.window.range()) facts.bars.push_back({index, *range});
    }
    if (space_.get<std::uint8_t>(at(Reg::InterruptPin)) != 0) facts.line = pin_.wire().number();
    return facts;
}

}  // namespace qvm
