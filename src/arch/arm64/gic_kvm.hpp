// SPDX-License-Identifier: Apache-2.0
// The interrupt controller in the kernel (Linux 6.1, Documentation/virt/kvm/devices/arm-vgic*.rst). Its input lines are
// the shared interrupts: line N is interrupt ID N, as QNX counts, and the kernel's input (GSI) N - 32.
#pragma once

#include <vector>

#include "arch/arm64/gic.hpp"
#include "devices/vdev.hpp"
#include "vmm/kvm.hpp"
#include "vmm/log.hpp"

namespace qvm::arm64 {

class KernelGic final : public InterruptController {
public:
    explicit KernelGic(Log& log);

    /// Once the vCPUs are made and before they run. The VM must outlive this object's use. Throws HostError that says
    /// what to do if the host has no controller of that version.
    void make(const KvmVm& vm, const GicPlan& plan);

    [[nodiscard]] unsigned lines() const noexcept override;
    [[nodiscard]] unsigned first_line() const noexcept override;
    [[nodiscard]] IrqLine& line(unsigned number) override;
    [[nodiscard]] unsigned gsi(unsigned number) const noexcept override;
    void end_of_interrupt(std::uint8_t /*vector*/) noexcept override {}

private:
    class Wire final : public IrqLine {
    public:
        Wire(KernelGic& gic, unsigned id) : gic_{&gic}, id_{id} {}
        void set(bool high) noexcept override { gic_->drive(id_, high); }

    private:
        KernelGic* gic_;
        unsigned id_;
    };
    void drive(unsigned id, bool high) noexcept;

    GuestFault refused_;
    const KvmVm* vm_ = nullptr;
    std::vector<Wire> wires_;
    UniqueFd device_{};
    UniqueFd its_{};
};

}  // namespace qvm::arm64
