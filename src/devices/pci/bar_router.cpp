// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/bar_router.hpp"

#include <algorithm>

namespace qvm {

void BarRouter::read(std::uint64_t at, std::span<std::byte> data) const noexcept {
    for (const RoutedBar& bar : bars_)
        if (bar.read(at, data)) return;
    std::ranges::fill(data, std::byte{0xff});
    unclaimed_.fetch_add(1, std::memory_order_relaxed);
}

void BarRouter::write(std::uint64_t at, std::span<const std::byte> data) const noexcept {
    for (const RoutedBar& bar : bars_)
        if (bar.write(at, data)) return;
    unclaimed_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace qvm
