// SPDX-License-Identifier: Apache-2.0
#include "arch/stretches.hpp"

#include <algorithm>

namespace qvm {

Range from_to(std::uint64_t start, std::uint64_t last) { return Range::make(start, last - start + 1).value(); }

std::vector<Range> without(const Range& range, const Range& hole) {
    if (!range.overlaps(hole)) return {range};
    std::vector<Range> rest;
    if (range.start() < hole.start()) rest.push_back(from_to(range.start(), hole.start() - 1));
    if (range.last() > hole.last()) rest.push_back(from_to(hole.last() + 1, range.last()));
    return rest;
}

std::vector<Range> merged(std::vector<Range> ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.start() < b.start(); });
    std::vector<Range> result;
    for (const Range& range : ranges) {
        const bool touches =
            !result.empty() && (range.start() <= result.back().last() || range.start() - 1 == result.back().last());
        if (touches)
            result.back() = from_to(result.back().start(), std::max(result.back().last(), range.last()));
        else
            result.push_back(range);
    }
    return result;
}

std::vector<Range> memory_of_kind(std::span<const MemorySpec> memory, bool rom) {
    std::vector<Range> ranges;
    for (const MemorySpec& spec : memory)
        if (spec.rom == rom) ranges.push_back(spec.range);
    return merged(std::move(ranges));
}

std::vector<Range> declared_memory(std::span<const MemorySpec> memory) {
    std::vector<Range> ranges;
    for (const MemorySpec& spec : memory) ranges.push_back(spec.range);
    return merged(std::move(ranges));
}

bool covers(std::span<const Range> stretches, const Range& range) noexcept {
    return std::any_of(stretches.begin(), stretches.end(),
                       [&](const Range& stretch) { return stretch.contains(range.start(), range.size()); });
}

}  // namespace qvm
