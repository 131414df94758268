// SPDX-License-Identifier: Apache-2.0
// The stretch of guest-physical addresses in which BARs are decoded, and where in it they begin. There is no firmware
// that would place them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "vmm/units.hpp"

namespace qvm {

class PciWindow {
public:
    /// Without a range, nothing has a place.
    explicit PciWindow(std::optional<Range> range) noexcept : range_{range} {}

    [[nodiscard]] const std::optional<Range>& range() const noexcept { return range_; }
    [[nodiscard]] bool holds(std::uint64_t base, std::uint64_t size) const noexcept {
        return range_ && range_->contains(base, size);
    }
    /// The lowest free place for `size` bytes, a power of two, aligned to it. Set-up only.
    [[nodiscard]] std::optional<Range> take(std::uint64_t size);

private:
    std::optional<Range> range_;
    std::vector<Range> taken_;
};

}  // namespace qvm
