// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/memory_map.hpp"

#include <catch2/catch.hpp>

#include "arch/x86/images.hpp"

using namespace qvm;
using namespace qvm::x86;
using namespace qvm::x86::test;

namespace {

const Range kAnywhere = *Range::make(0, UINT64_MAX);

Range range(std::uint64_t start, std::uint64_t size) { return *Range::make(start, size); }

}  // namespace

TEST_CASE("the highest place is the last one that holds the size, aligned downwards") {
    const std::vector memory{ram(kMiB, 15 * kMiB), ram(32 * kMiB, 0x800)};
    Placement place = make_placement(memory);
    CHECK(place.highest(0x800, 0x1000, kAnywhere) == range(32 * kMiB, 0x800));
    CHECK(place.highest(0x801, 0x1000, kAnywhere) == range(16 * kMiB - 0x1000, 0x801));
    place.take(range(16 * kMiB - 0x1000, 0x1000), "the top");
    CHECK(place.highest(0x801, 0x1000, kAnywhere) == range(16 * kMiB - 0x2000, 0x801));
    CHECK(place.highest(0x1000, 0x1000, range(0, 2 * kMiB)) == range(2 * kMiB - 0x1000, 0x1000));
    CHECK_FALSE(place.highest(15 * kMiB, 0x1000, kAnywhere));
}

TEST_CASE("the lowest place is the first one that holds the size, aligned upwards") {
    const std::vector memory{ram(kMiB, 15 * kMiB)};
    Placement place = make_placement(memory);
    place.take(range(4 * kMiB, 0x1000), "a stone");
    CHECK(place.lowest(kMiB, 2 * kMiB, kAnywhere) == range(2 * kMiB, kMiB));
    CHECK(place.lowest(3 * kMiB, 2 * kMiB, kAnywhere) == range(6 * kMiB, 3 * kMiB));
    CHECK(place.lowest(kMiB, 2 * kMiB, range(3 * kMiB, kGiB)) == range(6 * kMiB, kMiB));
    CHECK_FALSE(place.lowest(16 * kMiB, 1, kAnywhere));
}

TEST_CASE("a place at the end of the address space does not wrap") {
    const std::vector memory{ram(UINT64_MAX - 0xfff, 0x1000)};
    Placement place = make_placement(memory);
    CHECK_FALSE(place.lowest(0x800, 2 * kMiB, *Range::make(1, UINT64_MAX)));
    CHECK(place.highest(0x1000, 0x1000, *Range::make(1, UINT64_MAX)) == range(UINT64_MAX - 0xfff, 0x1000));
    place.take(range(UINT64_MAX - 0xfff, 0x1000), "all of it");
    CHECK(place.largest_free(*Range::make(1, UINT64_MAX)) == 0);
}

TEST_CASE("a taken place names its tenant, and tenants may have come in any order") {
    const std::vector memory{ram(kMiB, kMiB)};
    Placement place = make_placement(memory);
    place.take(range(kMiB + 0x4000, 0x1000), "b");
    place.take(range(kMiB, 0x1000), "a");
    CHECK(place.tenant_of(range(kMiB + 0xfff, 1))->what == "a");
    CHECK(place.tenant_of(range(kMiB + 0x1000, 0x3000)) == nullptr);
    CHECK(place.tenant_of(range(kMiB + 0x1000, 0x3001))->what == "b");
    CHECK(place.largest_free(kAnywhere) == kMiB - 0x5000);
}

TEST_CASE("ROM is declared and not usable") {
    const std::vector memory{rom(kMiB, kMiB)};
    const Placement place = make_placement(memory);
    CHECK(place.declared(range(kMiB, kMiB)));
    CHECK_FALSE(place.usable(range(kMiB, 1)));
    CHECK_FALSE(place.declared(range(kMiB - 1, 2)));
}
