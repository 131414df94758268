// SPDX-License-Identifier: Apache-2.0
// Which addresses devices can use for DMA, as the kernel says it of a container (VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
// include/uapi/linux/vfio.h of Linux 6.1). What is missing is the IOMMU's own: on ARM the page where messages of
// devices go, on a PC the same at 0xfee0'0000.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "vmm/units.hpp"

namespace qvm {

/// `info` is the whole answer to VFIO_IOMMU_GET_INFO. Nothing if it does not say.
[[nodiscard]] std::optional<std::vector<Range>> usable_addresses(std::span<const std::byte> info);

/// What of `wanted` is the first not to be usable; nothing if all of it is. `usable` may be in any order.
[[nodiscard]] std::optional<Range> first_unusable(const Range& wanted, std::span<const Range> usable);

}  // namespace qvm
