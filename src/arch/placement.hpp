// SPDX-License-Identifier: Apache-2.0
// Who has which piece of guest memory while a boot is planned, so that no two things are put in one place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arch/stretches.hpp"
#include "vmm/units.hpp"

namespace qvm {

class Placement {
public:
    /// Sorted stretches: `declared` is all memory, `usable` what the guest may use as RAM.
    Placement(std::vector<Range> declared, std::vector<Range> usable)
        : declared_{std::move(declared)}, usable_{std::move(usable)} {}

    struct Tenant {
        Range at;
        std::string what;
    };
    /// A tenant that overlaps `range`; null if it is free. Valid until the next take().
    [[nodiscard]] const Tenant* tenant_of(const Range& range) const noexcept;
    void take(const Range& range, std::string what);

    /// Whether RAM or ROM, or RAM that the guest may use, holds all of `range`.
    [[nodiscard]] bool declared(const Range& range) const noexcept { return covers(declared_, range); }
    [[nodiscard]] bool usable(const Range& range) const noexcept { return covers(usable_, range); }

    /// Free usable RAM whose addresses all lie in `within`; `step` is a power of two.
    [[nodiscard]] std::optional<Range> lowest(std::uint64_t size, std::uint64_t step, const Range& within) const;
    [[nodiscard]] std::optional<Range> highest(std::uint64_t size, std::uint64_t step, const Range& within) const;
    /// Size of the largest piece of free usable RAM there.
    [[nodiscard]] std::uint64_t largest_free(const Range& within) const;

private:
    [[nodiscard]] std::vector<Range> free_pieces(const Range& within) const;

    std::vector<Range> declared_;
    std::vector<Range> usable_;
    std::vector<Tenant> tenants_;  // in order of address
};

}  // namespace qvm
