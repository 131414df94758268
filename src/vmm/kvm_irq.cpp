// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm_irq.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <new>
#include <utility>

namespace qvm {
namespace {

constexpr KvmCapability kRouting{KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING"};

}  // namespace

KvmMsiRouter::KvmMsiRouter(Log& log, KernelPins pins)
    : pins_{pins}, refused_{log, "the kernel refused an interrupt route that the guest programmed"} {}

unsigned KvmMsiRouter::reserve(unsigned count) {
    const std::size_t first = pins_.count + inputs_.size();
    for (unsigned i = 0; i < count; ++i) inputs_.push_back({});
    return static_cast<unsigned>(first);
}

void KvmMsiRouter::bind(const KvmVm& vm) {
    const auto limit = static_cast<unsigned>(vm.extension(kRouting.number));
    const std::size_t routes = pins_.count + inputs_.size();
    if (routes > limit)
        throw HostError{
            fmt::format("{}: the kernel has {} interrupt routes, and {} are needed", kRouting.name, limit, routes)};
    vm_ = &vm;
    for (unsigned i = 0; i < inputs_.size(); ++i)
        if (!inputs_[i].masked) vm.assign_irqfd(inputs_[i].trigger.fd(), pins_.count + i);
    // Allocated now, so that a guest that programs routes causes no allocation.
    const std::size_t bytes = sizeof(kvm_irq_routing) + routes * sizeof(kvm_irq_routing_entry);
    table_.resize((bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t));
}

void KvmMsiRouter::route(unsigned gsi, MsiMessage message) noexcept {
    const std::scoped_lock lock{mutex_};
    if (input(gsi).message == message) return;
    input(gsi).message = message;
    write_table();
}

void KvmMsiRouter::write_table() noexcept {
    auto* table = new (table_.data()) kvm_irq_routing{};
    write_pins(*table);
    for (unsigned i = 0; i < inputs_.size(); ++i) {
        if (!inputs_[i].message) continue;
        kvm_irq_routing_entry& entry = table->entries[table->nr];
        entry = {};
        entry.gsi = pins_.count + i;
        if (write_message(entry, *inputs_[i].message)) ++table->nr;
    }
    if (::ioctl(vm_->fd(), KVM_SET_GSI_ROUTING, table) < 0) refused_.count();
}

/// False if it goes nowhere.
bool KvmMsiRouter::write_message(kvm_irq_routing_entry& entry, const MsiMessage& message) const noexcept {
    if (pins_.doorbell) {
        const KernelPins::Doorbell& doorbell = *pins_.doorbell;
        if (message.address != doorbell.address || message.data - doorbell.first >= doorbell.count) return false;
        entry.type = KVM_IRQ_ROUTING_IRQCHIP;
        entry.u.irqchip.pin = doorbell.pin + message.data - doorbell.first;
        return true;
    }
    entry.type = KVM_IRQ_ROUTING_MSI;
    entry.u.msi.address_lo = static_cast<std::uint32_t>(message.address);
    entry.u.msi.address_hi = static_cast<std::uint32_t>(message.address >> 32);
    entry.u.msi.data = message.data;
    if (!pins_.device_ids) return true;
    entry.flags = KVM_MSI_VALID_DEVID;
    entry.u.msi.devid = message.device;
    return true;
}

/// The table replaces the kernel's own, in which they are at the start.
void KvmMsiRouter::write_pins(kvm_irq_routing& table) const noexcept {
    for (unsigned pin = 0; pin < pins_.count; ++pin) {
        kvm_irq_routing_entry& entry = table.entries[table.nr++];
        entry = {};
        entry.gsi = pin;
        entry.type = KVM_IRQ_ROUTING_IRQCHIP;
        entry.u.irqchip.pin = pin;
    }
}

void KvmMsiRouter::signal(unsigned gsi) noexcept { input(gsi).trigger.signal(); }

void KvmMsiRouter::mask(unsigned gsi) noexcept { connect(gsi, true); }

void KvmMsiRouter::unmask(unsigned gsi) noexcept { connect(gsi, false); }

void KvmMsiRouter::connect(unsigned gsi, bool masked) noexcept {
    const std::scoped_lock lock{mutex_};
    Input& target = input(gsi);
    if (std::exchange(target.masked, masked) == masked || vm_ == nullptr) return;
    try {
        if (masked)
            vm_->deassign_irqfd(target.trigger.fd(), gsi);
        else
            hand_over(target, gsi);
    } catch (const HostError&) {
        refused_.count();
    }
}

/// The kernel delivers what waits in an eventfd that it is given, and leaves the count in it: once masked again, that
/// would look like another signal. What comes when it has the eventfd, it takes out itself, so that nothing is lost.
void KvmMsiRouter::hand_over(const Input& target, unsigned gsi) {
    vm_->assign_irqfd(target.trigger.fd(), gsi);
    target.trigger.drain();
}

bool KvmMsiRouter::pending(unsigned gsi) noexcept {
    const std::scoped_lock lock{mutex_};
    pollfd waiting{input(gsi).trigger.fd(), POLLIN, 0};
    return input(gsi).masked && ::poll(&waiting, 1, 0) == 1;
}

int KvmMsiRouter::trigger(unsigned gsi) noexcept { return input(gsi).trigger.fd(); }

}  // namespace qvm
