// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "vmm/event_fd.hpp"
#include "vmm/irq_line.hpp"
#include "vmm/kernel_pins.hpp"
#include "vmm/kvm.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// KVM's GSI routing table. Every input has an irqfd, so that devices in the kernel can raise it as well. Inputs are
/// reserved first; then bind() connects all of them to a VM, and only then may they be routed and signalled.
class KvmMsiRouter final : public MsiRouter {
public:
    explicit KvmMsiRouter(Log& log, KernelPins pins = {});

    /// Once. The VM must outlive this object's use. Throws HostError.
    void bind(const KvmVm& vm);

    unsigned reserve(unsigned count) override;
    void route(unsigned gsi, MsiMessage message) noexcept override;
    void signal(unsigned gsi) noexcept override;
    /// A masked input's eventfd is taken from the kernel, so that it keeps its count; the kernel delivers that when it
    /// gets the eventfd back.
    void mask(unsigned gsi) noexcept override;
    void unmask(unsigned gsi) noexcept override;
    [[nodiscard]] bool pending(unsigned gsi) noexcept override;
    [[nodiscard]] int trigger(unsigned gsi) noexcept override;

private:
    struct Input {
        EventFd trigger;
        std::optional<MsiMessage> message{};
        bool masked = false;
    };
    void connect(unsigned gsi, bool masked) noexcept;
    void hand_over(const Input& target, unsigned gsi);
    void write_table() noexcept;
    [[nodiscard]] bool write_message(kvm_irq_routing_entry& entry, const MsiMessage& message) const noexcept;
    void write_pins(kvm_irq_routing& table) const noexcept;
    [[nodiscard]] Input& input(unsigned gsi) noexcept { return inputs_[gsi - pins_.count]; }

    const KernelPins pins_;
    const KvmVm* vm_ = nullptr;
    GuestFault refused_;
    std::mutex mutex_;  // guards messages, masks and table_; the inputs themselves are fixed once the vCPUs run
    std::vector<Input> inputs_;
    std::vector<std::uint64_t> table_;  ///< room for a kvm_irq_routing with every input in it
};

}  // namespace qvm
