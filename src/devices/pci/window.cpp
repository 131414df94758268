// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/window.hpp"

#include <algorithm>

namespace qvm {

std::optional<Range> PciWindow::take(std::uint64_t size) {
    if (!range_) return std::nullopt;
    for (std::uint64_t at = align_up(range_->start(), size); holds(at, size);) {
        const auto wanted = Range::make(at, size);
        const auto other =
            std::ranges::find_if(taken_, [&](const Range& taken) { return wanted && taken.overlaps(*wanted); });
        if (wanted && other == taken_.end()) return taken_.emplace_back(*wanted);
        at = align_up(other->last() + 1, size);
    }
    return std::nullopt;
}

}  // namespace qvm
