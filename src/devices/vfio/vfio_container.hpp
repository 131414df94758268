// SPDX-License-Identifier: Apache-2.0
// VFIO by containers and groups, the way that every kernel has.
// Source: Documentation/driver-api/vfio.rst of Linux 6.1.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "devices/vfio/vfio_device.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// One address space for DMA: that of the guest. Set-up and tear-down only, on the main thread.
class VfioContainer {
public:
    /// Throws HostError if the kernel has no VFIO or this user may not use it.
    VfioContainer();

    /// The device `name` (a PCI address as in sysfs) of an IOMMU group. Throws HostError that says what is in the way:
    /// the group's file, its viability, the IOMMU. The container must outlive the device.
    [[nodiscard]] std::unique_ptr<VfioDevice> open(unsigned group, const std::string& name);

    /// Devices reach the guest's RAM from now on, and nothing else of this process: guest-physical addresses are the
    /// addresses of their DMA. All of it stays in the host's RAM. Throws HostError, which names RLIMIT_MEMLOCK if that
    /// is what is too low, or the addresses that the IOMMU keeps for itself.
    void map(const GuestMemory& memory);

    /// Calls `visit` with the descriptor of each group in use, for KVM to know of them.
    void for_each_group(const std::function<void(int)>& visit) const;

private:
    struct Group {
        UniqueFd fd;
    };
    [[nodiscard]] int group_fd(unsigned group);
    void set_iommu();

    UniqueFd fd_;
    bool iommu_set_ = false;
    std::map<unsigned, Group> groups_;
};

}  // namespace qvm
