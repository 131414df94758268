// SPDX-License-Identifier: Apache-2.0
// What devices that are passed reach by DMA, by whichever way of VFIO's the host has.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "devices/vfio/vfio_device.hpp"
#include "vmm/guest_memory.hpp"

namespace qvm {

/// How the host calls a device that VFIO has.
struct VfioIdentity {
    std::string name{};    ///< in sysfs: "0000:01:00.0"
    unsigned group = 0;    ///< of the IOMMU's
    std::string cdev{};    ///< "vfio0": its own file below /dev/vfio/devices; empty where the kernel has no such
    std::string advice{};  ///< where to look if the kernel does not give it: with a line end before it, or empty
};

/// One address space for DMA: that of the guest. Set-up and tear-down only, on the main thread.
class DmaSpace {
public:
    virtual ~DmaSpace() = default;

    /// Takes a device that is ready (judge_pass()). Throws HostError that says what is in the way: the file, the
    /// group, the IOMMU. The space must outlive the device.
    [[nodiscard]] virtual std::unique_ptr<VfioDevice> open(const VfioIdentity& device) = 0;

    /// Devices reach the guest's RAM from now on, and nothing else of this process: guest-physical addresses are the
    /// addresses of their DMA. All of it stays in the host's RAM. Throws HostError, which names RLIMIT_MEMLOCK if that
    /// is what is too low, or the addresses that the IOMMU keeps for itself.
    virtual void map(const GuestMemory& memory) = 0;

    /// Calls `visit` with each descriptor by which KVM can know of the devices, all of which must still be there.
    virtual void for_each_file(const std::function<void(int)>& visit) const = 0;
};

/// By iommufd, if the host's kernel offers that for the device, else by groups. Throws HostError.
[[nodiscard]] std::unique_ptr<DmaSpace> open_dma_space(const VfioIdentity& device);
using DmaSpaceOpener = std::function<std::unique_ptr<DmaSpace>(const VfioIdentity&)>;

}  // namespace qvm
