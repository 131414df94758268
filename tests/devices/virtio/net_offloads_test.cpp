// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/net_offloads.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <numeric>
#include <vector>

using namespace qvm;

namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
    std::vector<std::byte> out;
    for (const int value : values) out.push_back(static_cast<std::byte>(value));
    return out;
}

/// RFC 1071 word by word, for comparison.
unsigned slow_sum(std::span<const std::byte> data) {
    unsigned sum = 0;
    for (std::size_t i = 0; i < data.size(); ++i) sum += std::to_integer<unsigned>(data[i]) << (i % 2 == 0 ? 8 : 0);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

}  // namespace

TEST_CASE("an open checksum is filled in so that the sum over all is right") {
    for (std::size_t size = 20; size < 60; ++size) {
        std::vector<std::byte> frame(size);
        for (std::size_t i = 0; i < size; ++i) frame[i] = static_cast<std::byte>(i * 37 + size);
        REQUIRE(complete_checksum({.csum_start = 14, .csum_offset = 4}, frame));
        // What stood in the field is part of the sum, so all of it adds up to that: with a zero there it would be ~0.
        std::vector<std::byte> zeroed(size);
        for (std::size_t i = 0; i < size; ++i) zeroed[i] = static_cast<std::byte>(i * 37 + size);
        const unsigned expected = ~slow_sum(std::span{zeroed}.subspan(14)) & 0xffff;
        const unsigned got = std::to_integer<unsigned>(frame[18]) << 8 | std::to_integer<unsigned>(frame[19]);
        CHECK(got == expected);
    }
}

TEST_CASE("a UDP checksum of a datagram") {
    // From 10.0.0.1:1 to 10.0.0.2:2, "hi"; the field has the pseudo-header's sum, 0x0a00+0x0001+0x0a00+0x0002+17+10.
    auto frame = bytes({0, 1, 0, 2, 0, 10, 0x14, 0x1e, 'h', 'i'});
    REQUIRE(complete_checksum({.csum_start = 0, .csum_offset = 6}, frame));
    CHECK(frame[6] == std::byte{0x83});
    CHECK(frame[7] == std::byte{0x6b});
}

TEST_CASE("a checksum that would be zero is all ones") {
    auto frame = bytes({0xff, 0xff, 0, 0});
    REQUIRE(complete_checksum({.csum_start = 0, .csum_offset = 2}, frame));
    CHECK(frame == bytes({0xff, 0xff, 0xff, 0xff}));
}

TEST_CASE("a checksum outside of its frame is refused") {
    auto frame = std::vector<std::byte>(60);
    CHECK_FALSE(complete_checksum({.csum_start = 60, .csum_offset = 0}, frame));
    CHECK_FALSE(complete_checksum({.csum_start = 40, .csum_offset = 19}, frame));
    CHECK_FALSE(complete_checksum({.csum_start = 0xffff, .csum_offset = 0xffff}, frame));
    CHECK(complete_checksum({.csum_start = 40, .csum_offset = 18}, frame));
}

TEST_CASE("a header of the kernel's shows a driver what it has negotiated, and nothing else") {
    using namespace net_feature;
    NetHeader both{.flags = NetHeader::kNeedsCsum | NetHeader::kDataValid | 4, .gso_type = NetHeader::kTcp4};
    CHECK(allow_to_guest(both, kGuestCsum | kGuestTso4));
    CHECK(both.flags == (NetHeader::kNeedsCsum | NetHeader::kDataValid));
    CHECK_FALSE(allow_to_guest(both, kGuestCsum));  // no large pieces
    CHECK_FALSE(allow_to_guest(both, kGuestTso4));  // no open checksums
    NetHeader valid{.flags = NetHeader::kDataValid};
    CHECK(allow_to_guest(valid, 0));
    CHECK(valid.flags == 0);
}

TEST_CASE("a frame is made fit for its receiver") {
    using namespace net_feature;
    auto frame = std::vector<std::byte>(100, std::byte{3});
    NetHeader open{.flags = NetHeader::kNeedsCsum | 0x40, .csum_start = 34, .csum_offset = 6};
    CHECK(adapt_to_receiver(open, frame, kGuestCsum));
    CHECK(open.flags == NetHeader::kNeedsCsum);
    CHECK(frame[40] == std::byte{3});
    CHECK(adapt_to_receiver(open, frame, 0));
    CHECK(open.flags == 0);
    CHECK(frame[40] != std::byte{3});
    NetHeader outside{.flags = NetHeader::kNeedsCsum, .csum_start = 90, .csum_offset = 9};
    CHECK_FALSE(adapt_to_receiver(outside, frame, kGuestCsum));
    CHECK_FALSE(adapt_to_receiver(outside, frame, 0));

    NetHeader joined{.gso_type = NetHeader::kTcp4 | NetHeader::kEcn};
    CHECK_FALSE(adapt_to_receiver(joined, frame, kGuestCsum | kGuestTso4));
    CHECK(adapt_to_receiver(joined, frame, kGuestCsum | kGuestTso4 | kGuestEcn));
    joined.gso_type = NetHeader::kUdp;
    CHECK_FALSE(adapt_to_receiver(joined, frame, kGuestCsum | kGuestTso));
    CHECK(adapt_to_receiver(joined, frame, kGuestUfo));
    joined.gso_type = NetHeader::kTcp6;
    CHECK_FALSE(adapt_to_receiver(joined, frame, kGuestTso4));
    CHECK(adapt_to_receiver(joined, frame, kGuestTso6));
    joined.gso_type = 0x7f;
    CHECK_FALSE(adapt_to_receiver(joined, frame, ~0ULL));
}
