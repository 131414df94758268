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

KvmMsiRouter::KvmMsiRouter(Log& log)
    : refused_{log, "the kernel refused an interrupt route that the guest programmed"} {}

unsigned KvmMsiRouter::reserve(unsigned count) {
    const std::size_t first = inputs_.size();
    for (unsigned i = 0; i < count; ++i) inputs_.push_back({});
    return static_cast<unsigned>(first);
}

void KvmMsiRouter::bind(const KvmVm& vm) {
    const auto limit = static_cast<unsigned>(vm.extension(kRouting.number));
    if (inputs_.size() > limit)
        throw HostError{fmt::format("{}: the kernel has {} interrupt routes, and {} are needed", kRouting.name, limit,
                                    inputs_.size())};
    vm_ = &vm;
    for (unsigned gsi = 0; gsi < inputs_.size(); ++gsi)
        if (!inputs_[gsi].masked) vm.assign_irqfd(inputs_[gsi].trigger.fd(), gsi);
    // Allocated now, so that a guest that programs routes causes no allocation.
    const std::size_t bytes = sizeof(kvm_irq_routing) + inputs_.size() * sizeof(kvm_irq_routing_entry);
    table_.resize((bytes + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t));
}

void KvmMsiRouter::route(unsigned gsi, MsiMessage message) noexcept {
    const std::scoped_lock lock{mutex_};
    if (inputs_[gsi].message == message) return;
    inputs_[gsi].message = message;
    write_table();
}

void KvmMsiRouter::write_table() noexcept {
    auto* table = new (table_.data()) kvm_irq_routing{};
    for (unsigned gsi = 0; gsi < inputs_.size(); ++gsi) {
        const auto& message = inputs_[gsi].message;
        if (!message) continue;
        kvm_irq_routing_entry& entry = table->entries[table->nr++];
        entry = {};
        entry.gsi = gsi;
        entry.type = KVM_IRQ_ROUTING_MSI;
        entry.u.msi.address_lo = static_cast<std::uint32_t>(message->address);
        entry.u.msi.address_hi = static_cast<std::uint32_t>(message->address >> 32);
        entry.u.msi.data = message->data;
    }
    if (::ioctl(vm_->fd(), KVM_SET_GSI_ROUTING, table) < 0) refused_.count();
}

void KvmMsiRouter::signal(unsigned gsi) noexcept { inputs_[gsi].trigger.signal(); }

void KvmMsiRouter::mask(unsigned gsi) noexcept { connect(gsi, true); }

void KvmMsiRouter::unmask(unsigned gsi) noexcept { connect(gsi, false); }

void KvmMsiRouter::connect(unsigned gsi, bool masked) noexcept {
    const std::scoped_lock lock{mutex_};
    Input& input = inputs_[gsi];
    if (std::exchange(input.masked, masked) == masked || vm_ == nullptr) return;
    try {
        if (masked)
            vm_->deassign_irqfd(input.trigger.fd(), gsi);
        else
            hand_over(input, gsi);
    } catch (const HostError&) {
        refused_.count();
    }
}

/// The kernel delivers what waits in an eventfd that it is given, and leaves the count in it: once masked again, that
/// would look like another signal. What comes when it has the eventfd, it takes out itself, so that nothing is lost.
void KvmMsiRouter::hand_over(const Input& input, unsigned gsi) {
    vm_->assign_irqfd(input.trigger.fd(), gsi);
    input.trigger.drain();
}

bool KvmMsiRouter::pending(unsigned gsi) noexcept {
    const std::scoped_lock lock{mutex_};
    pollfd waiting{inputs_[gsi].trigger.fd(), POLLIN, 0};
    return inputs_[gsi].masked && ::poll(&waiting, 1, 0) == 1;
}

int KvmMsiRouter::trigger(unsigned gsi) noexcept { return inputs_[gsi].trigger.fd(); }

}  // namespace qvm
