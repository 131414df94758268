// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/iommufd.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <utility>

#include "devices/vfio/iommufd_uapi.hpp"
#include "devices/vfio/kernel_device.hpp"
#include "devices/vfio/vfio_errors.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr const char* kIommu = "/dev/iommu";

class RealKernel final : public IommufdKernel {
public:
    UniqueFd open(const std::string& path) override { return UniqueFd{::open(path.c_str(), O_RDWR | O_CLOEXEC)}; }
    int call(int fd, unsigned long request, void* argument) override { return ::ioctl(fd, request, argument); }
    std::unique_ptr<VfioDevice> device(UniqueFd fd, const std::string& name) override {
        return make_kernel_device(std::move(fd), name);
    }
};

}  // namespace

std::unique_ptr<IommufdKernel> iommufd_kernel() { return std::make_unique<RealKernel>(); }

Iommufd::Iommufd(std::unique_ptr<IommufdKernel> kernel) : kernel_{std::move(kernel)}, fd_{open_file(kIommu)} {
    iommufd::IoasAlloc request{.size = sizeof request, .flags = 0, .out_ioas_id = 0};
    check("IOMMU_IOAS_ALLOC", kernel_->call(fd_.get(), iommufd::kIoasAlloc, &request));
    space_ = request.out_ioas_id;
}

UniqueFd Iommufd::open_file(const std::string& path) const {
    UniqueFd fd = kernel_->open(path);
    if (!fd) throw_vfio_open_error(path, errno);
    return fd;
}

/// The kernel looks at the whole group here, as it does for VFIO_GROUP_SET_CONTAINER.
void Iommufd::bind(int file, const VfioIdentity& device) const {
    iommufd::BindIommufd request{.argsz = sizeof request, .flags = 0, .iommufd = fd_.get(), .out_devid = 0};
    if (kernel_->call(file, iommufd::kBindIommufd, &request) == 0) return;
    throw HostError{errno_text(fmt::format("{} cannot be had (VFIO_DEVICE_BIND_IOMMUFD)", device.name), errno) +
                    "\n  another process has it, or a device in its IOMMU group still has a driver of the host: "
                    "'qvmctl pass list' names it" +
                    device.advice};
}

void Iommufd::attach(int device) const {
    iommufd::AttachPt request{.argsz = sizeof request, .flags = 0, .pt_id = space_};
    if (kernel_->call(device, iommufd::kAttachPt, &request) != 0)
        throw_iommu_error("VFIO_DEVICE_ATTACH_IOMMUFD_PT", "iommufd", errno);
}

std::unique_ptr<VfioDevice> Iommufd::open(const VfioIdentity& device) {
    UniqueFd file = open_file("/dev/vfio/devices/" + device.cdev);
    bind(file.get(), device);
    attach(file.get());
    files_.push_back(file.get());
    return kernel_->device(std::move(file), device.name);
}

std::vector<Range> Iommufd::usable() const {
    std::array<iommufd::IovaRange, 64> found{};  // they are a few
    iommufd::IoasIovaRanges request{.size = sizeof request,
                                    .ioas_id = space_,
                                    .num_iovas = found.size(),
                                    .reserved = 0,
                                    .allowed_iovas = reinterpret_cast<std::uint64_t>(found.data()),
                                    .out_iova_alignment = 0};
    check("IOMMU_IOAS_IOVA_RANGES", kernel_->call(fd_.get(), iommufd::kIoasIovaRanges, &request));
    std::vector<Range> usable;
    for (std::uint32_t i = 0; i < request.num_iovas && i < found.size(); ++i) {
        // A range of all 64 bits has no size that fits.
        const std::uint64_t size = found[i].last - found[i].start;
        if (const auto range = Range::make(found[i].start, size == UINT64_MAX ? size : size + 1))
            usable.push_back(*range);
    }
    return usable;
}

void Iommufd::map(const GuestMemory& memory) {
    if (files_.empty()) return;
    const std::vector<Range> usable = this->usable();
    for (const GuestMemory::Block& block : memory.blocks()) {
        if (block.kind == GuestMemory::Kind::Rom) continue;
        demand_usable(block.range, usable);
        iommufd::IoasMap request{.size = sizeof request,
                                 .flags = iommufd::kFixedIova | iommufd::kReadable | iommufd::kWriteable,
                                 .ioas_id = space_,
                                 .reserved = 0,
                                 .user_va = reinterpret_cast<std::uint64_t>(block.mapping.bytes().data()),
                                 .length = block.range.size(),
                                 .iova = block.range.start()};
        if (kernel_->call(fd_.get(), iommufd::kIoasMap, &request) != 0)
            throw_dma_error(block.range, "IOMMU_IOAS_MAP", errno);
    }
}

void Iommufd::for_each_file(const std::function<void(int)>& visit) const {
    for (const int file : files_) visit(file);
}

}  // namespace qvm
