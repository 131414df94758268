// SPDX-License-Identifier: Apache-2.0
// The interrupt controller in the kernel (Linux 6.1, Documentation/virt/kvm/devices/arm-vgic*.rst). Its input lines are
// the shared interrupts: line N is interrupt ID N, as QNX counts, and the kernel's input (GSI) N - 32.
#pragma once

#include <deque>
#include <memory>

#include "arch/arm64/gic.hpp"
#include "devices/vdev.hpp"
#include "vmm/kvm.hpp"
#include "vmm/level_wire.hpp"
#include "vmm/log.hpp"

namespace qvm::arm64 {

class KernelGic final : public InterruptController {
public:
    /// The loop hears of the end of interrupts; both must outlive it.
    KernelGic(Log& log, EventLoop& loop);

    /// Once the vCPUs are made and before they run. The VM must outlive this object's use. Throws HostError that says
    /// what to do if the host has no controller of that version.
    void make(const KvmVm& vm, const GicPlan& plan);

    /// Nobody is told of the end of an interrupt any more. Once no vCPU runs.
    void be_quiet() noexcept;

    [[nodiscard]] unsigned lines() const noexcept override;
    [[nodiscard]] unsigned first_line() const noexcept override;
    [[nodiscard]] IrqLine& line(unsigned number) override;
    [[nodiscard]] unsigned gsi(unsigned number) const noexcept override;
    void end_of_interrupt(std::uint8_t /*vector*/) noexcept override {}

private:
    class Input final : public IrqLine {
    public:
        Input(KernelGic& gic, unsigned id) : gic_{gic}, id_{id} {}
        void set(bool high) noexcept override { gic_.drive(id_, high); }

    private:
        KernelGic& gic_;
        unsigned id_;
    };
    /// Costs the kernel's help only if somebody wants to know of its ends.
    class Wire final : public IrqLine {
    public:
        Wire(KernelGic& gic, unsigned id) : input_{gic, id} {}
        void set(bool high) noexcept override;
        bool tell_end(EndListener& listener) override;
        [[nodiscard]] LevelWire* level() const noexcept { return level_.get(); }

    private:
        Input input_;
        std::unique_ptr<LevelWire> level_{};
    };
    void drive(unsigned id, bool high) noexcept;
    void tell_ends(const KvmVm& vm);

    GuestFault refused_;
    EventLoop& loop_;
    const KvmVm* vm_ = nullptr;
    std::deque<Wire> wires_;
    UniqueFd device_{};
    UniqueFd its_{};
};

}  // namespace qvm::arm64
