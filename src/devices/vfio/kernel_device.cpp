// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/kernel_device.hpp"

#include <fmt/format.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "devices/vfio/host_messages.hpp"
#include "devices/vfio/info_capabilities.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

/// What a region's answer may hold besides its fixed part; larger ones do not exist.
constexpr std::size_t kMostInfo = 4096;
constexpr unsigned kMostVectors = 2048;  // MSI-X, PCI 3.0, 6.8.2.3

/// vfio_region_info_cap_sparse_mmap and vfio_irq_set without the arrays that C lets them end with.
struct SparseHead {
    vfio_info_cap_header header;
    std::uint32_t areas;
    std::uint32_t reserved;
};
struct IrqSetHead {
    std::uint32_t argsz, flags, index, start, count;
};
static_assert(sizeof(SparseHead) == sizeof(vfio_region_info_cap_sparse_mmap));
static_assert(sizeof(IrqSetHead) == sizeof(vfio_irq_set));

struct Region {
    VfioRegion what;
    std::uint64_t offset = 0;  ///< in the device's file
};

/// VFIO_REGION_INFO_CAP_SPARSE_MMAP, if there is one.
std::vector<Range> sparse_areas(std::span<const std::byte> info, std::uint32_t first) {
    std::vector<Range> areas;
    const auto found = find_info_capability(info, first, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
    if (!found) return areas;
    const auto list = info_at<SparseHead>(info, *found);
    for (std::uint32_t i = 0; i < list.areas; ++i) {
        const auto area = info_at<vfio_region_sparse_mmap_area>(
            info, *found + sizeof list + i * sizeof(vfio_region_sparse_mmap_area));
        if (const auto range = Range::make(area.offset, area.size)) areas.push_back(*range);
    }
    return areas;
}

Region region_of(int fd, std::uint32_t index) {
    std::array<std::byte, kMostInfo> answer{};
    vfio_region_info info{};
    info.argsz = kMostInfo;
    info.index = index;
    std::memcpy(answer.data(), &info, sizeof info);
    // Regions that a device does not have are refused or empty.
    if (::ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, answer.data()) != 0) return {};
    info = info_at<vfio_region_info>(answer, 0);
    Region region;
    region.offset = info.offset;
    region.what.size = info.size;
    region.what.readable = (info.flags & VFIO_REGION_INFO_FLAG_READ) != 0;
    region.what.writable = (info.flags & VFIO_REGION_INFO_FLAG_WRITE) != 0;
    if ((info.flags & VFIO_REGION_INFO_FLAG_MMAP) == 0) return region;
    if ((info.flags & VFIO_REGION_INFO_FLAG_CAPS) != 0) region.what.mappable = sparse_areas(answer, info.cap_offset);
    if (const auto whole = Range::make(0, info.size); whole && region.what.mappable.empty())
        region.what.mappable.push_back(*whole);
    return region;
}

struct Interrupts {
    unsigned count = 0;
    bool masked = false;  ///< when they fire
};

Interrupts interrupts_of(int fd, std::uint32_t index) {
    vfio_irq_info info{};
    info.argsz = sizeof info;
    info.index = index;
    if (::ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, &info) != 0 || (info.flags & VFIO_IRQ_INFO_EVENTFD) == 0) return {};
    return {std::min(info.count, kMostVectors), (info.flags & VFIO_IRQ_INFO_AUTOMASKED) != 0};
}

VfioDevice::Kind kind_of(std::uint32_t flags) noexcept {
    if ((flags & VFIO_DEVICE_FLAGS_PCI) != 0) return VfioDevice::Kind::Pci;
    const bool platform = (flags & (VFIO_DEVICE_FLAGS_PLATFORM | VFIO_DEVICE_FLAGS_AMBA)) != 0;
    return platform ? VfioDevice::Kind::Platform : VfioDevice::Kind::Other;
}

class KernelDevice final : public VfioDevice {
public:
    KernelDevice(UniqueFd fd, const std::string& name) : fd_{std::move(fd)}, name_{name} {
        vfio_device_info info{};
        info.argsz = sizeof info;
        if (::ioctl(fd_.get(), VFIO_DEVICE_GET_INFO, &info) != 0)
            throw HostError{errno_text(fmt::format("{}: VFIO_DEVICE_GET_INFO", name), errno)};
        kind_ = kind_of(info.flags);
        for (std::uint32_t i = 0; i < info.num_regions; ++i) regions_.push_back(region_of(fd_.get(), i));
        for (std::uint32_t i = 0; i < info.num_irqs; ++i) interrupts_.push_back(interrupts_of(fd_.get(), i));
    }

    [[nodiscard]] Kind kind() const noexcept override { return kind_; }
    [[nodiscard]] unsigned regions() const noexcept override { return static_cast<unsigned>(regions_.size()); }
    [[nodiscard]] const VfioRegion& region(unsigned index) const noexcept override {
        return index < regions_.size() ? regions_[index].what : none_;
    }

    bool read(unsigned region, std::uint64_t offset, std::span<std::byte> out) noexcept override {
        const auto place = place_of(region, offset, out.size());
        if (place && ::pread(fd_.get(), out.data(), out.size(), *place) == static_cast<ssize_t>(out.size()))
            return true;
        std::ranges::fill(out, std::byte{0xff});
        return false;
    }
    bool write(unsigned region, std::uint64_t offset, std::span<const std::byte> in) noexcept override {
        const auto place = place_of(region, offset, in.size());
        return place && ::pwrite(fd_.get(), in.data(), in.size(), *place) == static_cast<ssize_t>(in.size());
    }
    [[nodiscard]] Mapping map(unsigned region, const Range& part) override {
        return Mapping{"cannot map a region of a passed device", fd_.get(), part.size(),
                       static_cast<off_t>(regions_.at(region).offset + part.start())};
    }

    [[nodiscard]] unsigned interrupts(unsigned index) const noexcept override {
        return index < interrupts_.size() ? interrupts_[index].count : 0;
    }
    [[nodiscard]] bool masks(unsigned index) const noexcept override {
        return index < interrupts_.size() && interrupts_[index].masked;
    }
    [[nodiscard]] bool set_triggers(unsigned index, std::span<const int> fds) noexcept override {
        if (fds.empty()) return set_irqs(index, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, {});
        return set_irqs(index, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, fds);
    }
    bool unmask(unsigned index) noexcept override { return act(index, VFIO_IRQ_SET_ACTION_UNMASK); }
    void mask(unsigned index) noexcept override { (void)act(index, VFIO_IRQ_SET_ACTION_MASK); }

    [[nodiscard]] std::uint64_t messages() const noexcept override { return host_messages(name_); }
    unsigned place_messages(std::span<const CpuList> by_vector) noexcept override {
        return place_host_messages(name_, by_vector);
    }

    bool reset() noexcept override { return ::ioctl(fd_.get(), VFIO_DEVICE_RESET) == 0; }

private:
    [[nodiscard]] std::optional<off_t> place_of(unsigned region, std::uint64_t offset,
                                                std::size_t length) const noexcept {
        if (region >= regions_.size()) return std::nullopt;
        const std::uint64_t size = regions_[region].what.size;
        if (offset > size || length > size - offset) return std::nullopt;
        return static_cast<off_t>(regions_[region].offset + offset);
    }

    bool act(std::uint32_t index, std::uint32_t action) noexcept {
        IrqSetHead request{
            .argsz = sizeof request, .flags = VFIO_IRQ_SET_DATA_NONE | action, .index = index, .start = 0, .count = 1};
        return ::ioctl(fd_.get(), VFIO_DEVICE_SET_IRQS, &request) == 0;
    }

    [[nodiscard]] bool set_irqs(std::uint32_t index, std::uint32_t flags, std::span<const int> fds) noexcept {
        if (fds.size() > kMostVectors) return false;
        const IrqSetHead head{.argsz = static_cast<std::uint32_t>(sizeof head + fds.size_bytes()),
                              .flags = flags,
                              .index = index,
                              .start = 0,
                              .count = static_cast<std::uint32_t>(fds.size())};
        alignas(IrqSetHead) std::array<std::byte, sizeof head + kMostVectors * sizeof(int)> request;
        std::memcpy(request.data(), &head, sizeof head);
        std::memcpy(request.data() + sizeof head, fds.data(), fds.size_bytes());
        return ::ioctl(fd_.get(), VFIO_DEVICE_SET_IRQS, request.data()) == 0;
    }

    UniqueFd fd_;
    const std::string name_;
    Kind kind_ = Kind::Other;
    VfioRegion none_{};
    std::vector<Region> regions_{};
    std::vector<Interrupts> interrupts_{};
};

}  // namespace

std::unique_ptr<VfioDevice> make_kernel_device(UniqueFd fd, const std::string& name) {
    return std::make_unique<KernelDevice>(std::move(fd), name);
}

}  // namespace qvm
