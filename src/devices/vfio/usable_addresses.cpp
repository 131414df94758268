// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/usable_addresses.hpp"

#include <algorithm>

#include "devices/vfio/info_capabilities.hpp"

namespace qvm {
namespace {

/// vfio_iommu_type1_info_cap_iova_range without the array that C lets it end with.
struct RangesHead {
    vfio_info_cap_header header;
    std::uint32_t ranges;
    std::uint32_t reserved;
};
static_assert(sizeof(RangesHead) == sizeof(vfio_iommu_type1_info_cap_iova_range));

}  // namespace

std::optional<std::vector<Range>> usable_addresses(std::span<const std::byte> info) {
    const auto head = info_at<vfio_iommu_type1_info>(info, 0);
    if ((head.flags & VFIO_IOMMU_INFO_CAPS) == 0) return std::nullopt;
    const auto found = find_info_capability(info, head.cap_offset, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
    if (!found) return std::nullopt;
    const std::size_t room = (info.size() - *found) / sizeof(vfio_iova_range);
    const std::size_t count = std::min<std::size_t>(info_at<RangesHead>(info, *found).ranges, room);
    std::vector<Range> usable;
    for (std::size_t i = 0; i < count; ++i) {
        const auto each = info_at<vfio_iova_range>(info, *found + sizeof(RangesHead) + i * sizeof(vfio_iova_range));
        if (each.end < each.start) continue;
        // A range of all 2^64 addresses has no size; nothing ever is at the last one.
        const std::uint64_t distance = each.end - each.start;
        const std::uint64_t size = distance == UINT64_MAX ? distance : distance + 1;
        if (const auto range = Range::make(each.start, size)) usable.push_back(*range);
    }
    return usable;
}

std::optional<Range> first_unusable(const Range& wanted, std::span<const Range> usable) {
    std::uint64_t at = wanted.start();
    const auto holds = [&](const Range& each) { return each.contains(at); };
    for (auto found = std::ranges::find_if(usable, holds); found != usable.end();
         found = std::ranges::find_if(usable, holds)) {
        if (found->last() >= wanted.last()) return std::nullopt;
        at = found->last() + 1;
    }
    std::uint64_t last = wanted.last();
    for (const Range& each : usable)
        if (each.start() > at) last = std::min(last, each.start() - 1);
    return Range::make(at, last - at + 1);
}

}  // namespace qvm
