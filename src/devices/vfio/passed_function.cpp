// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/passed_function.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "devices/pci/registers.hpp"
#include "vmm/error.hpp"

namespace qvm {

namespace {

using pci::Reg;

constexpr std::size_t at(Reg reg) noexcept { return static_cast<std::size_t>(reg); }
constexpr std::size_t bar_register(unsigned index) noexcept { return at(Reg::Bar0) + index * sizeof(std::uint32_t); }

constexpr std::uint64_t kPage = 4 * kKiB;
constexpr std::uint64_t kSmallestBar = 16;  // PCI 3.0, 6.2.5.1

}  // namespace

PassedFunction::PassedFunction(const PassedServices& services, VfioDevice& device, PciSlot slot, PciOwner owner)
    : services_{services},
      device_{device},
      slot_{slot},
      owner_{std::move(owner)},
      refused_{services.log,
               fmt::format("{}: the host gives the device fewer interrupts than the guest wants", owner_.title)},
      storms_{services.log,
              fmt::format("{}: more messages in a second than pass-intr-limit: the rest is held back", owner_.title)},
      config_{device},
      interrupts_{device, config_, services.pci, {services.wire, slot}, refused_},
      places_{services.message_cpus} {
    add_bars();
}

PassedFunction::~PassedFunction() {
    guard_.reset();
    error_watch_ = {};
    request_watch_ = {};
    vectors_watch_ = {};
    for (const unsigned kind : {VfioDevice::kErrors, VfioDevice::kRequest})
        if (device_.interrupts(kind) != 0) (void)device_.set_triggers(kind, {});
    interrupts_.end();
    for (const Bar& bar : bars_)
        if (bar.registers) bar.registers->hide();
    (void)device_.reset();
}

/// Ports are not passed: a BAR of them reads as none.
void PassedFunction::add_bars() {
    for (unsigned index = 0; index < bars_.size(); ++index) {
        const auto flags = config_.device_value<std::uint32_t>(bar_register(index));
        const bool wide = (flags & (pci::bar::kIo | pci::bar::kIs64Bit)) == pci::bar::kIs64Bit;
        if ((flags & pci::bar::kIo) == 0 && device_.region(index).size != 0) add_bar(index, flags);
        if (wide) ++index;
    }
}

void PassedFunction::add_bar(unsigned index, std::uint32_t flags) {
    const std::uint64_t size = device_.region(index).size;
    if (!std::has_single_bit(size) || size < kSmallestBar)
        throw HostError{fmt::format("{}: BAR {} has {:#x} bytes, which no BAR can have", owner_.title, index, size)};
    Bar& bar = bars_[index];
    bar.wide = (flags & pci::bar::kIs64Bit) != 0 && index + 1 < bars_.size();
    bar.registers =
        std::make_unique<PassedBar>(device_, index, interrupts_.holes(index), services_.memory, services_.pci.bars);
    config_.own().set(bar_register(index), flags & pci::bar::kMemoryFlags);
    config_.own().allow(bar_register(index), static_cast<std::uint32_t>(~(size - 1)));
    if (bar.wide) config_.own().allow(bar_register(index + 1), static_cast<std::uint32_t>(~(size - 1) >> 32));
    place(index, bar);
}

/// All begin in the window, which is below 4 GiB. Each has pages of its own, so that those can be mapped.
void PassedFunction::place(unsigned index, const Bar& bar) {
    if (!services_.pci.window.range()) return;
    const std::uint64_t size = std::max(bar.registers->size(), kPage);
    const auto found = services_.pci.window.take(size);
    if (!found)
        throw ConfigError{owner_.where,
                          fmt::format("{} needs {:#x} bytes of PCI's addresses for BAR {}, and they are used up",
                                      owner_.title, size, index),
                          "leave more addresses below 4 GiB free of 'ram', 'rom' and 'loc'"};
    const auto flags = config_.own().get<std::uint32_t>(bar_register(index));
    config_.own().set(bar_register(index), static_cast<std::uint32_t>(found->start()) | flags);
}

void PassedFunction::be_multi_function() noexcept { config_.own().set(at(Reg::HeaderType), pci::kMultiFunction); }

void PassedFunction::connect() { interrupts_.connect(); }

void PassedFunction::start() {
    (void)device_.reset();
    if (places_.wanted()) {
        vectors_watch_ = services_.loop.watch(vectors_event_, [this] { place_messages(); });
        interrupts_.tell_vectors(vectors_event_);
    }
    interrupts_.start(services_.loop);
    if (services_.message_limit)
        guard_.emplace(device_, interrupts_, storms_, *services_.message_limit).start(services_.loop);
    watch_loss(VfioDevice::kErrors, error_event_, error_watch_, "has met an error that it does not recover from");
    watch_loss(VfioDevice::kRequest, request_event_, request_watch_, "is wanted back by the host");
}

/// On the loop's thread: the files of the host take time.
void PassedFunction::place_messages() noexcept {
    const unsigned kept = device_.place_messages(places_.moves(interrupts_.armed_messages()));
    if (kept == 0 || std::exchange(told_of_kept_, true)) return;
    services_.log.warn(fmt::format(
        "{}: the host keeps {} of its interrupts on the CPUs where they are (smp_affinity_list)", owner_.title, kept));
}

/// A guest whose device goes away cannot go on as if it had not.
void PassedFunction::watch_loss(unsigned kind, EventFd& event, Watch& watch, const char* what) {
    if (device_.interrupts(kind) == 0) return;
    watch = services_.loop.watch(event, [this, what] {
        services_.log.error(fmt::format("{} {}: the VM ends", owner_.title, what));
        services_.control.end(EndCause::HostError);
    });
    const int fd = event.fd();
    (void)device_.set_triggers(kind, {&fd, 1});
}

void PassedFunction::read_config(std::uint64_t offset, std::span<std::byte> data) noexcept {
    const std::scoped_lock lock{mutex_};
    interrupts_.show_pending(config_);
    config_.read(offset, data);
}

/// The guest does not see a BAR that the device does not decode: it would get an error of the host for it.
void PassedFunction::write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    const std::scoped_lock lock{mutex_};
    config_.write_own(offset, data);
    if (!decodes_memory()) settle_bars();
    config_.write_device(offset, data);
    settle_bars();
    interrupts_.settle(config_);
}

bool PassedFunction::decodes_memory() const noexcept {
    return (config_.command() & pci::command::kMemorySpace) != 0 && config_.is_awake();
}

std::uint64_t PassedFunction::address_of(unsigned index) const noexcept {
    const std::uint64_t low = config_.own().get<std::uint32_t>(bar_register(index)) & ~pci::bar::kMemoryFlags;
    const std::uint64_t high = bars_[index].wide ? config_.own().get<std::uint32_t>(bar_register(index + 1)) : 0;
    return high << 32 | low;
}

void PassedFunction::settle_bars() noexcept {
    const bool decoded = decodes_memory();
    for (unsigned index = 0; index < bars_.size(); ++index)
        if (bars_[index].registers) settle_bar(index, decoded);
}

void PassedFunction::settle_bar(unsigned index, bool decoded) noexcept {
    PassedBar& bar = *bars_[index].registers;
    const std::uint64_t base = address_of(index);
    if (decoded && services_.pci.window.holds(base, bar.size())) {
        misplaced_[index].reset();
        return bar.move(base);
    }
    bar.hide();
    if (decoded && std::exchange(misplaced_[index], base) != base) services_.pci.misplaced.count();
}

PciFacts PassedFunction::facts() const {
    PciFacts facts{.slot = slot_,
                   .owner = &owner_,
                   .vendor = config_.device_value<std::uint16_t>(at(Reg::VendorId)),
                   .device = config_.device_value<std::uint16_t>(at(Reg::DeviceId)),
                   .bars = {},
                   .line = interrupts_.line(),
                   .vectors = interrupts_.msix_vectors()};
    for (unsigned index = 0; index < bars_.size(); ++index) {
        if (!bars_[index].registers || !services_.pci.window.range()) continue;
        if (const auto range = Range::make(address_of(index), bars_[index].registers->size()))
            facts.bars.push_back({index, *range});
    }
    return facts;
}

}  // namespace qvm
