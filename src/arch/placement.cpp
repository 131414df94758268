// SPDX-License-Identifier: Apache-2.0
#include "arch/placement.hpp"

#include <algorithm>

namespace qvm {

const Placement::Tenant* Placement::tenant_of(const Range& range) const noexcept {
    const auto found =
        std::find_if(tenants_.begin(), tenants_.end(), [&](const Tenant& tenant) { return tenant.at.overlaps(range); });
    return found == tenants_.end() ? nullptr : &*found;
}

void Placement::take(const Range& range, std::string what) {
    const auto next = std::find_if(tenants_.begin(), tenants_.end(),
                                   [&](const Tenant& tenant) { return tenant.at.start() > range.start(); });
    tenants_.insert(next, {range, std::move(what)});
}

std::vector<Range> Placement::free_pieces(const Range& within) const {
    std::vector<Range> pieces;
    const auto add = [&](std::uint64_t start, std::uint64_t last) {
        pieces.push_back(Range::make(start, last - start + 1).value());
    };
    for (const Range& stretch : usable_) {
        if (!stretch.overlaps(within)) continue;
        const std::uint64_t last = std::min(stretch.last(), within.last());
        std::uint64_t at = std::max(stretch.start(), within.start());
        bool full = false;  // the stretch is used up, and `at` has no meaning any more
        for (const Tenant& tenant : tenants_) {
            if (tenant.at.last() < at || tenant.at.start() > last) continue;
            if (tenant.at.start() > at) add(at, tenant.at.start() - 1);
            full = tenant.at.last() >= last;
            if (full) break;
            at = tenant.at.last() + 1;
        }
        if (!full) add(at, last);
    }
    return pieces;
}

std::optional<Range> Placement::lowest(std::uint64_t size, std::uint64_t step, const Range& within) const {
    for (const Range& piece : free_pieces(within)) {
        const std::uint64_t gap = align_up(piece.start(), step) - piece.start();  // right even if align_up wraps
        if (gap < piece.size() && size <= piece.size() - gap) return Range::make(piece.start() + gap, size);
    }
    return {};
}

std::optional<Range> Placement::highest(std::uint64_t size, std::uint64_t step, const Range& within) const {
    std::vector<Range> pieces = free_pieces(within);
    std::reverse(pieces.begin(), pieces.end());
    for (const Range& piece : pieces) {
        if (size == 0 || size > piece.size()) continue;
        const std::uint64_t start = align_down(piece.last() - (size - 1), step);
        if (start >= piece.start()) return Range::make(start, size);
    }
    return {};
}

std::uint64_t Placement::largest_free(const Range& within) const {
    std::uint64_t largest = 0;
    for (const Range& piece : free_pieces(within)) largest = std::max(largest, piece.size());
    return largest;
}

}  // namespace qvm
