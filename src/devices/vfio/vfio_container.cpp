// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/vfio_container.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "devices/vfio/kernel_device.hpp"
#include "devices/vfio/usable_addresses.hpp"
#include "devices/vfio/vfio_errors.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr const char* kContainer = "/dev/vfio/vfio";

UniqueFd open_file(const std::string& path) {
    UniqueFd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
    if (!fd) throw_vfio_open_error(path, errno);
    return fd;
}

UniqueFd open_container() {
    UniqueFd fd{::open(kContainer, O_RDWR | O_CLOEXEC)};
    if (!fd && (errno == ENOENT || errno == ENODEV))
        throw HostError{errno_text("this kernel has no VFIO", errno) + "\n  load it: modprobe vfio-pci"};
    if (!fd) throw_vfio_open_error(kContainer, errno);
    if (::ioctl(fd.get(), VFIO_GET_API_VERSION) != VFIO_API_VERSION)
        throw HostError{fmt::format("{} speaks another version of VFIO than {}", kContainer, VFIO_API_VERSION)};
    if (::ioctl(fd.get(), VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
        throw HostError{"this kernel has no IOMMU driver for VFIO (VFIO_TYPE1v2_IOMMU)\n  modprobe vfio_iommu_type1"};
    return fd;
}

void demand_viable(unsigned group, int fd) {
    vfio_group_status status{};
    status.argsz = sizeof status;
    check("VFIO_GROUP_GET_STATUS", ::ioctl(fd, VFIO_GROUP_GET_STATUS, &status));
    if ((status.flags & VFIO_GROUP_FLAGS_VIABLE) != 0) return;
    throw HostError{fmt::format("IOMMU group {} is not viable: a device in it still has a driver of the host", group) +
                    "\n  'qvmctl pass list' names it; bind all of the group, or leave all of it"};
}

/// Where guest memory can be; nothing if the kernel does not say.
std::optional<std::vector<Range>> usable_of(int container) {
    // What it lists are a few ranges; larger answers do not exist.
    alignas(vfio_iommu_type1_info) std::array<std::byte, 4 * kKiB> answer{};
    vfio_iommu_type1_info request{};
    request.argsz = answer.size();
    std::memcpy(answer.data(), &request, sizeof request);
    if (::ioctl(container, VFIO_IOMMU_GET_INFO, answer.data()) != 0) return std::nullopt;
    return usable_addresses(answer);
}

}  // namespace

VfioContainer::VfioContainer() : fd_{open_container()} {}

int VfioContainer::group_fd(unsigned group) {
    if (const auto found = groups_.find(group); found != groups_.end()) return found->second.fd.get();
    UniqueFd fd = open_file(fmt::format("/dev/vfio/{}", group));
    demand_viable(group, fd.get());
    const int container = fd_.get();
    if (::ioctl(fd.get(), VFIO_GROUP_SET_CONTAINER, &container) < 0)
        throw HostError{errno_text(fmt::format("IOMMU group {} cannot share the guest's address space "
                                               "(VFIO_GROUP_SET_CONTAINER)",
                                               group),
                                   errno)};
    return groups_.emplace(group, Group{std::move(fd)}).first->second.fd.get();
}

void VfioContainer::set_iommu() {
    if (std::exchange(iommu_set_, true)) return;
    if (::ioctl(fd_.get(), VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) == 0) return;
    throw_iommu_error("VFIO_SET_IOMMU", "vfio_iommu_type1", errno);
}

std::unique_ptr<VfioDevice> VfioContainer::open(const VfioIdentity& device) {
    const int group = group_fd(device.group);
    set_iommu();
    UniqueFd fd{::ioctl(group, VFIO_GROUP_GET_DEVICE_FD, device.name.c_str())};
    if (!fd)
        throw HostError{errno_text(fmt::format("cannot open {} in IOMMU group {} (VFIO_GROUP_GET_DEVICE_FD)",
                                               device.name, device.group),
                                   errno) +
                        device.advice};
    return make_kernel_device(std::move(fd), device.name);
}

void VfioContainer::map(const GuestMemory& memory) {
    if (!iommu_set_) return;  // no device at all
    const auto usable = usable_of(fd_.get());
    for (const GuestMemory::Block& block : memory.blocks()) {
        if (block.kind == GuestMemory::Kind::Rom) continue;
        if (usable) demand_usable(block.range, *usable);
        vfio_iommu_type1_dma_map request{};
        request.argsz = sizeof request;
        request.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
        request.vaddr = reinterpret_cast<std::uint64_t>(block.mapping.bytes().data());
        request.iova = block.range.start();
        request.size = block.range.size();
        if (::ioctl(fd_.get(), VFIO_IOMMU_MAP_DMA, &request) == 0) continue;
        throw_dma_error(block.range, "VFIO_IOMMU_MAP_DMA", errno);
    }
}

void VfioContainer::for_each_file(const std::function<void(int)>& visit) const {
    for (const auto& [number, group] : groups_) visit(group.fd.get());
}

}  // namespace qvm
