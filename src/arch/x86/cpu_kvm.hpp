// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "arch/x86/cpuid.hpp"
#include "arch/x86/entry_state.hpp"
#include "vcpu/core_note.hpp"
#include "vcpu/vcpu_kvm.hpp"

namespace qvm::x86 {

/// KVM_GET_SUPPORTED_CPUID. Throws HostError.
[[nodiscard]] std::vector<CpuidEntry> supported_cpuid(const Kvm& kvm);

/// Its registers for a dump: NT_PRSTATUS and QEMU's note. While it runs guest code the kernel lets the caller wait.
/// Empty if the kernel does not tell them.
[[nodiscard]] std::vector<CoreNote> core_notes(const KvmVcpuFd& fd, unsigned number);

/// An x86 vCPU in its reset state. Throws HostError. `memory` must outlive it.
class X86Vcpu final : public KvmVcpu {
public:
    X86Vcpu(const Kvm& kvm, const KvmVm& vm, const GuestMemory& memory, const CpuidRequest& request,
            std::span<const CpuidEntry> supported);

    /// Makes it the boot processor: registers as the boot protocol wants them. The others wait for INIT and SIPI.
    void enter_at(const BootEntry& entry);

    /// Rate of its time-stamp counter, which is the host's; 0 if the kernel does not know it.
    [[nodiscard]] std::uint64_t tsc_khz() const noexcept;

    [[nodiscard]] bool raise(Fault fault) noexcept override;
    [[nodiscard]] std::vector<CoreNote> core_notes() override { return x86::core_notes(fd(), number_); }
    [[nodiscard]] std::string state() override;

private:
    const GuestMemory& memory_;
    unsigned number_;
};

}  // namespace qvm::x86
