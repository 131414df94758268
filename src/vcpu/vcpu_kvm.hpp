// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vcpu/vcpu.hpp"
#include "vmm/kvm.hpp"

namespace qvm {

/// The part of a KVM vCPU that is the same for every ISA.
class KvmVcpu : public Vcpu {
public:
    KvmVcpu(const Kvm& kvm, const KvmVm& vm, unsigned id) : fd_{kvm, vm, id} {}
    [[nodiscard]] Exit run() noexcept override;
    void kick() noexcept override;
    void unkick() noexcept override;

protected:
    [[nodiscard]] const KvmVcpuFd& fd() const noexcept { return fd_; }

private:
    KvmVcpuFd fd_;
};

}  // namespace qvm
