// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vmm/kvm.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// How a VM of the kernel knows which IOMMU groups its guest drives: caches and posted interrupts depend on that.
/// Source: Documentation/virt/kvm/devices/vfio.rst of Linux 6.1.
class KvmVfio {
public:
    /// The VM must outlive it. Throws HostError.
    explicit KvmVfio(const KvmVm& vm);
    /// `fd` is that of the group's file. Throws HostError.
    void add_group(int fd) const;

private:
    UniqueFd device_;
};

}  // namespace qvm
