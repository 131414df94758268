// SPDX-License-Identifier: Apache-2.0
#include "config/memory_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace qvm {

namespace {

constexpr std::uint64_t kPage = 4 * kKiB;

std::string_view kind(bool rom) noexcept { return rom ? "rom" : "ram"; }

struct Parts {
    Location start;
    Location length;
};

/// Where `start` and `length` stand in `[start,]length`.
Parts parts_of(const Word& word) noexcept {
    const std::size_t comma = word.text.find(',');
    if (comma == std::string::npos) return {word.where, word.where};
    return {word.part(0, comma), word.part(comma + 1, word.text.size() - comma - 1)};
}

std::string page_hint(std::uint64_t value) {
    const std::string_view rule = "KVM maps whole pages of 4 KiB";
    if (value != 0 && value < kPage) return fmt::format("{}; did you mean '{}M'?", rule, value);
    const std::uint64_t below = align_down(value, kPage);
    if (value > UINT64_MAX - kPage) return fmt::format("{}; the nearest is {:#x}", rule, below);
    return fmt::format("{}; the nearest are {:#x} and {:#x}", rule, below, below + kPage);
}

}  // namespace

void refuse_overlap(Diagnostics& diagnostics, const Range& range, Location where, const MemorySpec& other) {
    diagnostics.error(where, fmt::format("the range {:#x} to {:#x} is taken", range.start(), range.last()));
    diagnostics.note(other.where, fmt::format("by this {}, which has {:#x} to {:#x}", kind(other.rom),
                                              other.range.start(), other.range.last()));
}

void MemoryPlan::add_broken(bool rom) {
    (rom ? rom_seen_ : ram_seen_) = true;
    next_is_known_ = false;
    broken_ = true;
}

bool MemoryPlan::whole_pages(std::uint64_t start, Location where) {
    if (start % kPage == 0) return true;
    diagnostics_.error(where, fmt::format("the start {:#x} is not a multiple of 4 KiB", start), page_hint(start));
    return false;
}

/// The language allows any length (qvmconf specification 1.3); KVM maps whole pages.
std::uint64_t MemoryPlan::rounded_up(std::uint64_t length, Location where) {
    if (length % kPage == 0 || length > UINT64_MAX - kPage) return length;
    const std::uint64_t whole = align_down(length, kPage) + kPage;
    diagnostics_.warning(where,
                         fmt::format("the length {:#x} is not a multiple of 4 KiB: it becomes {:#x}", length, whole),
                         length < kPage ? fmt::format("did you mean '{}M'?", length) : "");
    return whole;
}

bool MemoryPlan::free_of_overlap(const Range& range, Location where) {
    const auto after = by_start_.upper_bound(range.start());
    const MemorySpec* other = nullptr;
    if (after != by_start_.begin() && std::prev(after)->second.range.overlaps(range)) other = &std::prev(after)->second;
    if (other == nullptr && after != by_start_.end() && after->second.range.overlaps(range)) other = &after->second;
    if (other == nullptr) return true;
    refuse_overlap(diagnostics_, range, where, *other);
    return false;
}

void MemoryPlan::add(bool rom, const MemoryArgument& asked, const Word& word) {
    (rom ? rom_seen_ : ram_seen_) = true;
    const Parts at = parts_of(word);
    const bool good = whole_pages(asked.start.value_or(0), at.start);
    const std::uint64_t length = rounded_up(asked.length, at.length);
    if (asked.length == 0) diagnostics_.error(at.length, fmt::format("a {} of length zero", kind(rom)));
    if (!good || asked.length == 0) return add_broken(rom);
    if (!asked.start && !next_is_known_) return;
    const auto range = end_reached_ && !asked.start ? std::nullopt : Range::make(asked.start.value_or(next_), length);
    if (!range) {
        diagnostics_.error(word.where, fmt::format("this {} does not fit in the 64-bit address space", kind(rom)));
        return add_broken(rom);
    }
    if (!free_of_overlap(*range, word.where)) {
        broken_ = true;
        return;
    }
    const MemorySpec spec{rom, *range, word.where};
    memory_.push_back(spec);
    by_start_.emplace(range->start(), spec);
    end_reached_ = end_reached_ || range->last() == UINT64_MAX;
    if (!end_reached_) next_ = std::max(next_, range->last() + 1);
}

}  // namespace qvm
