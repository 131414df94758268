// SPDX-License-Identifier: Apache-2.0
#include "arch/arm64/gic_kvm.hpp"

#include <fmt/format.h>

#include "arch/arm64/layout.hpp"

namespace qvm::arm64 {
namespace {

UniqueFd create(const KvmVm& vm, std::uint32_t type, const char* what, const char* hint) {
    kvm_create_device request{};
    request.type = type;
    if (::ioctl(vm.fd(), KVM_CREATE_DEVICE, &request) < 0)
        throw HostError{errno_text(fmt::format("this host's KVM makes no {} (KVM_CREATE_DEVICE)", what), errno) +
                        "\n  " + hint};
    return UniqueFd{static_cast<int>(request.fd)};
}

void set_attribute(const UniqueFd& device, std::uint32_t group, std::uint64_t attribute, const void* value,
                   const char* what) {
    kvm_device_attr request{};
    request.group = group;
    request.attr = attribute;
    request.addr = reinterpret_cast<std::uint64_t>(value);
    check(what, ::ioctl(device.get(), KVM_SET_DEVICE_ATTR, &request));
}

void set_address(const UniqueFd& device, std::uint64_t type, std::uint64_t address, const char* what) {
    set_attribute(device, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &address, what);
}

void finish(const UniqueFd& device, const char* what) {
    set_attribute(device, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, nullptr, what);
}

UniqueFd make_version_2(const KvmVm& vm, const GicPlan& plan) {
    UniqueFd gic = create(vm, KVM_DEV_TYPE_ARM_VGIC_V2, "GIC of version 2",
                          "the host's GIC must be of version 2, or of version 3 with the older interface; else leave "
                          "`version 2` out");
    set_address(gic, KVM_VGIC_V2_ADDR_TYPE_DIST, plan.distributor.start(), "the GIC's distributor");
    set_address(gic, KVM_VGIC_V2_ADDR_TYPE_CPU, plan.cpus.start(), "the GIC's CPU interface");
    return gic;
}

/// One region of redistributors for all vCPUs: their number, address and flags, and the region's index in one word.
UniqueFd make_version_3(const KvmVm& vm, const GicPlan& plan) {
    UniqueFd gic = create(vm, KVM_DEV_TYPE_ARM_VGIC_V3, "GIC of version 3",
                          "on a host with a GIC of version 2 write `version 2` behind `vdev gic`");
    constexpr unsigned kCountShift = 52;
    const std::uint64_t region = plan.cpus.size() / kGicrSize << kCountShift | plan.cpus.start();
    set_address(gic, KVM_VGIC_V3_ADDR_TYPE_DIST, plan.distributor.start(), "the GIC's distributor");
    set_address(gic, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, region, "the GIC's redistributors");
    return gic;
}

UniqueFd make_its(const KvmVm& vm, const Range& where) {
    UniqueFd its = create(vm, KVM_DEV_TYPE_ARM_VGIC_ITS, "interrupt translation service", "Linux 5.10 or newer has it");
    set_address(its, KVM_VGIC_ITS_ADDR_TYPE, where.start(), "the interrupt translation service");
    finish(its, "the start of the interrupt translation service");
    return its;
}

}  // namespace

KernelGic::KernelGic(Log& log, EventLoop& loop)
    : refused_{log, "the kernel refused an interrupt (KVM_IRQ_LINE)"}, loop_{loop} {
    for (unsigned id = kFirstSpi; id < kInterruptIds; ++id) wires_.emplace_back(*this, id);
}

void KernelGic::make(const KvmVm& vm, const GicPlan& plan) {
    device_ = plan.version == 3 ? make_version_3(vm, plan) : make_version_2(vm, plan);
    const std::uint32_t ids = kInterruptIds;
    set_attribute(device_, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &ids, "the GIC's number of interrupts");
    if (plan.its) its_ = make_its(vm, *plan.its);
    finish(device_, "the start of the GIC");
    vm_ = &vm;
    tell_ends(vm);
}

void KernelGic::tell_ends(const KvmVm& vm) {
    for (unsigned i = 0; i < wires_.size(); ++i) {
        LevelWire* const level = wires_[i].level();
        if (level == nullptr) continue;
        kvm_irqfd request{};
        request.fd = static_cast<std::uint32_t>(level->raiser());
        request.resamplefd = static_cast<std::uint32_t>(level->end());
        request.gsi = i;
        request.flags = KVM_IRQFD_FLAG_RESAMPLE;
        check("KVM_IRQFD with KVM_IRQFD_FLAG_RESAMPLE", ::ioctl(vm.fd(), KVM_IRQFD, &request));
        level->listen(loop_);
    }
}

void KernelGic::be_quiet() noexcept {
    for (const Wire& wire : wires_)
        if (wire.level() != nullptr) wire.level()->be_quiet();
}

unsigned KernelGic::lines() const noexcept { return kInterruptIds; }

unsigned KernelGic::first_line() const noexcept { return kFirstSpi; }

IrqLine& KernelGic::line(unsigned number) { return wires_.at(number - kFirstSpi); }

unsigned KernelGic::gsi(unsigned number) const noexcept { return number - kFirstSpi; }

void KernelGic::Wire::set(bool high) noexcept {
    if (level_) return level_->set(high);
    input_.set(high);
}

bool KernelGic::Wire::tell_end(EndListener& listener) {
    if (!level_) level_ = std::make_unique<LevelWire>(input_);
    return level_->tell_end(listener);
}

void KernelGic::drive(unsigned id, bool high) noexcept {
    if (vm_ == nullptr) return;  // the VM is not there yet, and all lines are low
    kvm_irq_level request{};
    request.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | id;
    request.level = high ? 1 : 0;
    if (::ioctl(vm_->fd(), KVM_IRQ_LINE, &request) < 0) refused_.count();
}

}  // namespace qvm::arm64
