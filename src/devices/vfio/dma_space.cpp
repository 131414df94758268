// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/dma_space.hpp"

#include <filesystem>

#include "devices/vfio/iommufd.hpp"
#include "devices/vfio/vfio_container.hpp"

namespace qvm {

std::unique_ptr<DmaSpace> open_dma_space(const VfioIdentity& device) {
    if (device.cdev.empty() || !std::filesystem::exists("/dev/iommu")) return std::make_unique<VfioContainer>();
    return std::make_unique<Iommufd>(iommufd_kernel());
}

}  // namespace qvm
