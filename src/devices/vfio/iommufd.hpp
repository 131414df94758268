// SPDX-License-Identifier: Apache-2.0
// VFIO by iommufd and the devices' own files, the way of kernels from 6.6 on that are built for it.
// Source: include/uapi/linux/iommufd.h and Documentation/driver-api/vfio.rst (VFIO device cdev) of Linux 6.6.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "devices/vfio/dma_space.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// The kernel's side; a double in tests.
class IommufdKernel {
public:
    virtual ~IommufdKernel() = default;
    /// Invalid, with errno, if it cannot be opened.
    [[nodiscard]] virtual UniqueFd open(const std::string& path) = 0;
    /// ioctl(2).
    virtual int call(int fd, unsigned long request, void* argument) = 0;
    /// The device behind a file that has been bound. Throws HostError.
    [[nodiscard]] virtual std::unique_ptr<VfioDevice> device(UniqueFd fd, const std::string& name) = 0;
};
[[nodiscard]] std::unique_ptr<IommufdKernel> iommufd_kernel();

class Iommufd final : public DmaSpace {
public:
    /// Throws HostError if this user may not use it.
    explicit Iommufd(std::unique_ptr<IommufdKernel> kernel);

    [[nodiscard]] std::unique_ptr<VfioDevice> open(const VfioIdentity& device) override;
    void map(const GuestMemory& memory) override;
    void for_each_file(const std::function<void(int)>& visit) const override;

private:
    [[nodiscard]] UniqueFd open_file(const std::string& path) const;
    void bind(int file, const VfioIdentity& device) const;
    void attach(int device) const;
    [[nodiscard]] std::vector<Range> usable() const;

    const std::unique_ptr<IommufdKernel> kernel_;
    const UniqueFd fd_;
    std::uint32_t space_ = 0;   ///< of iommufd's objects the I/O address space (IOAS)
    std::vector<int> files_{};  ///< the devices'; each belongs to its device
};

}  // namespace qvm
