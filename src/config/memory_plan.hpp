// SPDX-License-Identifier: Apache-2.0
// Where each `ram` and `rom` lies, found line by line.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/lexer.hpp"
#include "config/values.hpp"
#include "config/vm_config.hpp"

namespace qvm {

/// Says that `range`, which stands at `where`, is a part of `other`'s, or has a part of it.
void refuse_overlap(Diagnostics& diagnostics, const Range& range, Location where, const MemorySpec& other);

/// Resolves starts that were left out and refuses what cannot be mapped: lengths of zero, parts of a page, ranges
/// beyond 64 bits, overlaps.
class MemoryPlan {
public:
    explicit MemoryPlan(Diagnostics& diagnostics) : diagnostics_{diagnostics} {}

    /// `word` is what `asked` was parsed from.
    void add(bool rom, const MemoryArgument& asked, const Word& word);
    /// A line of memory was there but could not be read: lines without a start have no known place from here on.
    void add_broken(bool rom);

    /// A `ram` or `rom` line was seen, right or wrong.
    [[nodiscard]] bool any() const noexcept { return ram_seen_ || rom_seen_; }
    /// A `ram` line was seen, right or wrong.
    [[nodiscard]] bool any_ram() const noexcept { return ram_seen_; }
    /// Every line has its place.
    [[nodiscard]] bool known() const noexcept { return !broken_; }
    /// In the order of the file.
    [[nodiscard]] std::vector<MemorySpec> take() { return std::move(memory_); }

private:
    [[nodiscard]] bool whole_pages(std::uint64_t start, Location where);
    [[nodiscard]] std::uint64_t rounded_up(std::uint64_t length, Location where);
    [[nodiscard]] bool free_of_overlap(const Range& range, Location where);

    Diagnostics& diagnostics_;
    std::vector<MemorySpec> memory_;
    std::map<std::uint64_t, MemorySpec> by_start_;
    std::uint64_t next_ = 0;    ///< the first address above all; meaningless if end_reached_
    bool end_reached_ = false;  ///< the last byte of the address space is taken
    bool next_is_known_ = true;
    bool broken_ = false;
    bool ram_seen_ = false;
    bool rom_seen_ = false;
};

}  // namespace qvm
