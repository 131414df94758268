// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "arch/arm64/boot.hpp"
#include "arch/arm64/prstatus.hpp"
#include "vcpu/vcpu_kvm.hpp"
#include "vmm/guest_memory.hpp"

namespace qvm::arm64 {

/// What all vCPUs of a VM have.
struct CpuFeatures {
    bool pmu = false;
    bool pointer_authentication = false;
    bool sve = false;
};
/// What this host can give.
[[nodiscard]] CpuFeatures host_features(const KvmVm& vm);

/// An arm64 vCPU in its reset state; all but the first wait for PSCI's CPU_ON. `memory` must outlive it. Throws
/// HostError.
class Arm64Vcpu final : public KvmVcpu {
public:
    Arm64Vcpu(const Kvm& kvm, const KvmVm& vm, unsigned number, const CpuFeatures& features, const GuestMemory& memory);

    /// Makes it the boot CPU.
    void enter_at(const BootEntry& entry);
    /// Once the interrupt controller is there.
    void start_pmu();
    /// Once there is memory at `record`.
    void keep_stolen_time(std::uint64_t record);

    [[nodiscard]] bool raise(Fault fault) noexcept override;
    [[nodiscard]] bool is_off() const noexcept override;
    [[nodiscard]] Sleep sleep(bool alone) noexcept override;
    [[nodiscard]] bool wake_up() noexcept override;
    [[nodiscard]] std::vector<CoreNote> core_notes() override;
    [[nodiscard]] std::string state() override;

private:
    [[nodiscard]] bool read(CoreRegisters& registers) const noexcept;

    unsigned number_;
    const GuestMemory& memory_;
    kvm_vcpu_init reset_;
    BootEntry waking_{};  ///< where it goes on after its sleep
};

}  // namespace qvm::arm64
