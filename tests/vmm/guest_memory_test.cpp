// SPDX-License-Identifier: Apache-2.0
#include "vmm/guest_memory.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "vmm/error.hpp"

using namespace qvm;

namespace {

GuestMemory two_blocks() {
    GuestMemory memory;
    memory.add(Range::make(0x10'0000, 0x2000).value(), GuestMemory::Kind::Ram);
    memory.add(Range::make(0, 0x1000).value(), GuestMemory::Kind::Rom);
    return memory;
}

}  // namespace

TEST_CASE("guest memory is zeroed and in order of address") {
    const GuestMemory memory = two_blocks();
    REQUIRE(memory.blocks().size() == 2);
    CHECK(memory.blocks()[0].kind == GuestMemory::Kind::Rom);
    CHECK(memory.read<std::uint64_t>(Gpa{0x10'1ff8}) == 0U);
}

TEST_CASE("what is written to guest memory is read back") {
    const GuestMemory memory = two_blocks();
    REQUIRE(memory.write(Gpa{0x10'0ffe}, std::uint32_t{0x12345678}));
    CHECK(memory.read<std::uint16_t>(Gpa{0x10'1000}) == 0x1234);
}

TEST_CASE("an access that leaves its block is refused whole") {
    const GuestMemory memory = two_blocks();
    CHECK_FALSE(memory.read<std::uint64_t>(Gpa{0x10'1ff9}));
    CHECK_FALSE(memory.read<std::uint8_t>(Gpa{0x10'2000}));
    CHECK_FALSE(memory.read<std::uint8_t>(Gpa{0x1000}));
    CHECK_FALSE(memory.write(Gpa{0xffe}, std::uint32_t{1}));
    CHECK_FALSE(memory.span(Gpa{~0ULL}, 2));
    CHECK_FALSE(memory.span(Gpa{0}, ~std::size_t{0}));
    CHECK(memory.span(Gpa{0x10'0000}, 0x2000));
}

TEST_CASE("memory that the host cannot have is an error that names size and place") {
    GuestMemory memory;
    // A file cannot be that long.
    CHECK_THROWS_AS(memory.add(Range::make(0x1000, 1ULL << 63).value(), GuestMemory::Kind::Ram), HostError);
}
