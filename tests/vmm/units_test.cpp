// SPDX-License-Identifier: Apache-2.0
#include "vmm/units.hpp"

#include <catch2/catch.hpp>

using namespace qvm;

TEST_CASE("a range is never empty and never wraps") {
    CHECK_FALSE(Range::make(0, 0));
    CHECK_FALSE(Range::make(UINT64_MAX, 2));
    CHECK(Range::make(UINT64_MAX, 1)->last() == UINT64_MAX);
    CHECK(Range::make(0, UINT64_MAX)->last() == UINT64_MAX - 1);
}

TEST_CASE("a range contains an access only if both of its ends lie inside") {
    const auto range = Range::make(0x1000, 0x10).value();
    CHECK(range.contains(0x1000, 0x10));
    CHECK(range.contains(0x100f, 1));
    CHECK_FALSE(range.contains(0xfff, 1));
    CHECK_FALSE(range.contains(0x100f, 2));
    CHECK_FALSE(range.contains(0x1010, 1));
    CHECK_FALSE(range.contains(0x1008, UINT64_MAX));
}

TEST_CASE("ranges that only touch do not overlap") {
    const auto low = Range::make(0x1000, 0x1000).value();
    CHECK_FALSE(low.overlaps(Range::make(0x2000, 1).value()));
    CHECK(low.overlaps(Range::make(0x1fff, 1).value()));
    CHECK(low.overlaps(Range::make(0, UINT64_MAX).value()));
}

TEST_CASE("rounding goes to multiples of a power of two") {
    CHECK(align_up(0x1001, 0x1000) == 0x2000);
    CHECK(align_up(0x1000, 0x1000) == 0x1000);
    CHECK(align_down(0x1fff, 0x1000) == 0x1000);
}
