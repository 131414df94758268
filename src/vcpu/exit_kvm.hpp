// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vcpu/exit.hpp"
#include "vmm/kvm_uapi.hpp"

namespace qvm {

/// Reads the shared area after a KVM_RUN that returned 0. Pure; works on any kvm_run in plain memory that is followed
/// by its I/O data page. Source: Documentation/virt/kvm/api.rst, section 5.
[[nodiscard]] Exit decode(kvm_run& run) noexcept;

}  // namespace qvm
