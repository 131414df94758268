// SPDX-License-Identifier: Apache-2.0
// VFIO by containers and groups, the way that every kernel has.
// Source: Documentation/driver-api/vfio.rst of Linux 6.1.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "devices/vfio/dma_space.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

class VfioContainer final : public DmaSpace {
public:
    /// Throws HostError if the kernel has no VFIO or this user may not use it.
    VfioContainer();

    [[nodiscard]] std::unique_ptr<VfioDevice> open(const VfioIdentity& device) override;
    void map(const GuestMemory& memory) override;
    void for_each_file(const std::function<void(int)>& visit) const override;

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
