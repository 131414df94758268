// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "devices/platform/passed_region.hpp"

namespace qvm {

/// What is in the region now. It may change while it is read, and later: what is judged must be this copy. Each word
/// is read once, as device memory allows.
[[nodiscard]] std::vector<std::byte> read_region(const HostRegion& region);

}  // namespace qvm
