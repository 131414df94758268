// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/config_space.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

namespace qvm::test {
namespace {

std::uint64_t read(const ConfigSpace& space, std::size_t offset, std::size_t width) {
    std::array<std::byte, 8> data{};
    space.read(offset, std::span{data}.first(width));
    return pci::load(data);
}

void write(ConfigSpace& space, std::size_t offset, std::uint64_t value, std::size_t width) {
    std::array<std::byte, 8> data{};
    pci::store(data, value);
    space.write(offset, std::span<const std::byte>{data}.first(width));
}

}  // namespace

TEST_CASE("software changes the bits that it may change, with any width") {
    ConfigSpace space;
    space.set(0x10, std::uint32_t{0x1234'5678});
    space.allow(0x10, std::uint32_t{0xff00'f0ff});
    const auto width = GENERATE(1U, 2U, 4U);
    for (unsigned at = 0; at < 4; at += width) write(space, 0x10 + at, 0xffff'ffff, width);
    CHECK(read(space, 0x10, 4) == 0xff34'f6ff);
    write(space, 0x10, 0, 4);
    CHECK(read(space, 0x10, 4) == 0x0034'0600);
}

TEST_CASE("bits that are cleared by a one stay with a zero") {
    ConfigSpace space;
    space.set(0x06, std::uint16_t{0xf910});
    space.allow_clearing(0x06, std::uint16_t{0xf900});
    write(space, 0x06, 0x0100, 2);
    CHECK(read(space, 0x06, 2) == 0xf810);
    write(space, 0x07, 0x80, 1);
    CHECK(read(space, 0x06, 2) == 0x7810);
    write(space, 0x04, 0xffff'ffff, 4);
    CHECK(read(space, 0x06, 2) == 0x0010);
    write(space, 0x06, 0xffff, 2);  // a one does not set it
    CHECK(read(space, 0x06, 2) == 0x0010);
}

TEST_CASE("what lies behind the space reads as zero and is lost") {
    ConfigSpace space;
    space.set(4092, std::uint32_t{0xaabb'ccdd});
    space.allow(4092, std::uint32_t{0xffff'ffff});
    CHECK(read(space, 4094, 4) == 0xaabb);
    write(space, 4094, 0x1111'1122, 4);
    CHECK(read(space, 4092, 4) == 0x1122'ccdd);
    CHECK(read(space, SIZE_MAX - 1, 8) == 0);
    CHECK(read(space, 1U << 20, 4) == 0);
}

TEST_CASE("capabilities fill what the list can reach, and no more") {
    ConfigSpace space;
    for (unsigned i = 0; i < 12; ++i) CHECK(space.add_capability(9, 13) == 0x40 + 16 * i);
    CHECK_THROWS_AS(space.add_capability(9, 4), std::length_error);
    std::size_t seen = 0;
    for (std::uint64_t at = read(space, 0x34, 1); at != 0; at = read(space, at + 1, 1)) ++seen;
    CHECK(seen == 12);
}

}  // namespace qvm::test
