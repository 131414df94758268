// SPDX-License-Identifier: Apache-2.0
// Registers of the host, which are here the bytes of a file in memory.
#include "devices/platform/passed_region.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <numeric>

#include "support/fake_context.hpp"
#include "support/fake_vfio.hpp"

namespace qvm::test {
namespace {

constexpr std::uint64_t kPage = 4096, kPages = 4;
constexpr std::uint64_t kGuest = 0x1d00'0000;

/// Pages in which byte N is N.
struct Host {
    Host() {
        file = UniqueFd{::memfd_create("registers of the double", MFD_CLOEXEC)};
        if (::ftruncate(file.get(), kPages * kPage) != 0) throw std::logic_error{"memfd"};
        all = Mapping{"map", file.get(), kPages * kPage};
        for (std::size_t i = 0; i < all.bytes().size(); ++i) all.bytes()[i] = static_cast<std::byte>(i);
    }
    PassedRegion region(std::uint64_t first, std::uint64_t length, PassedRegion::Access access = {}) {
        return {HostRegion{Mapping{"map", file.get(), kPages * kPage}, first, length, "uio0"}, access, log};
    }
    [[nodiscard]] unsigned at(std::size_t offset) const { return std::to_integer<unsigned>(all.bytes()[offset]); }

    UniqueFd file;
    Mapping all;
    Log log{"test", silence()};
    FakeDeviceMemory memory;
};

template <std::size_t Size>
std::array<unsigned, Size> read(PassedRegion& region, std::uint64_t offset) {
    std::array<std::byte, Size> data{};
    region.read(offset, data);
    std::array<unsigned, Size> values{};
    for (std::size_t i = 0; i < Size; ++i) values[i] = std::to_integer<unsigned>(data[i]);
    return values;
}

}  // namespace

TEST_CASE("whole pages become the guest's, at its own address") {
    Host host;
    auto region = host.region(0, 2 * kPage);
    region.show(host.memory, kGuest);
    REQUIRE(host.memory.all.size() == 1);
    CHECK(host.memory.all[0].at == kGuest);
    CHECK(host.memory.all[0].size == 2 * kPage);
    CHECK_FALSE(host.memory.all[0].read_only);
    CHECK(region.shown() == 2 * kPage);
}

TEST_CASE("pages that are shared with a neighbour do not") {
    Host host;
    auto inner = host.region(0x100, 2 * kPage);
    inner.show(host.memory, kGuest + 0x100);
    REQUIRE(host.memory.all.size() == 1);
    CHECK(host.memory.all[0].at == kGuest + kPage);
    CHECK(host.memory.all[0].size == kPage);
    auto small = host.region(0, 0x40);
    small.show(host.memory, kGuest);
    auto crooked = host.region(0, 2 * kPage);
    crooked.show(host.memory, kGuest + 0x10);
    auto almost = host.region(4, kPage);
    almost.show(host.memory, kGuest + 4);
    CHECK(host.memory.all.size() == 1);
    CHECK(small.shown() + crooked.shown() + almost.shown() == 0);
}

TEST_CASE("an access by exit reaches the register itself, with the guest's size") {
    Host host;
    auto region = host.region(0x80, 0x40);
    CHECK(read<1>(region, 0) == std::array{0x80U});
    CHECK(read<2>(region, 2) == std::array{0x82U, 0x83U});
    CHECK(read<4>(region, 4) == std::array{0x84U, 0x85U, 0x86U, 0x87U});
    CHECK(read<8>(region, 8) == std::array{0x88U, 0x89U, 0x8aU, 0x8bU, 0x8cU, 0x8dU, 0x8eU, 0x8fU});
    CHECK(read<4>(region, 0x3b) == std::array{0xbbU, 0xbcU, 0xbdU, 0xbeU});
    CHECK(read<3>(region, 1) == std::array{0x81U, 0x82U, 0x83U});
    const std::array data{std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                          std::byte{5}, std::byte{6}, std::byte{7}, std::byte{8}};
    for (const std::size_t size : {1U, 2U, 4U, 8U}) {
        region.write(0x10, std::span{data}.first(size));
        CHECK(host.at(0x90 + size - 1) == size);
        CHECK(host.at(0x90 + size) == 0x90 + size);
    }
    region.write(0x21, std::span{data}.first(4));
    CHECK(host.at(0xa0) == 0xa0);
    CHECK(host.at(0xa4) == 4);
    CHECK(host.at(0xa5) == 0xa5);
}

TEST_CASE("a region to be read only takes no writes, and counts them") {
    Host host;
    auto region = host.region(0, kPage, {.read = true, .write = false});
    region.show(host.memory, kGuest);
    REQUIRE(host.memory.all.size() == 1);
    CHECK(host.memory.all[0].read_only);
    region.write(8, std::array{std::byte{0x55}});
    CHECK(host.at(8) == 8);
    CHECK(region.refused() == 1);
    CHECK(read<1>(region, 8) == std::array{8U});
    CHECK(region.refused() == 1);
}

TEST_CASE("a region to be written only is not shown, and reads as ones") {
    Host host;
    auto region = host.region(0, kPage, {.read = false, .write = true});
    region.show(host.memory, kGuest);
    CHECK(host.memory.all.empty());
    CHECK(read<2>(region, 0) == std::array{0xffU, 0xffU});
    CHECK(region.refused() == 1);
    region.write(8, std::array{std::byte{0x55}});
    CHECK(host.at(8) == 0x55);
}

}  // namespace qvm::test
