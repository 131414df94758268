// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/net_offloads.hpp"

#include <cstring>

namespace qvm {
namespace {

/// The features that say who takes frames with joined segments.
struct Takes {
    std::uint64_t tcp4, tcp6, udp, ecn;
};
constexpr Takes kHost{net_feature::kHostTso4, net_feature::kHostTso6, net_feature::kHostUfo, net_feature::kHostEcn};
constexpr Takes kGuest{net_feature::kGuestTso4, net_feature::kGuestTso6, net_feature::kGuestUfo,
                       net_feature::kGuestEcn};

[[nodiscard]] bool takes_segments(const NetHeader& header, const Takes& takes, std::uint64_t features) noexcept {
    if (header.gso_type == NetHeader::kNone) return true;
    std::uint64_t needed = (header.gso_type & NetHeader::kEcn) != 0 ? takes.ecn : 0;
    switch (header.gso_type & ~NetHeader::kEcn) {
        case NetHeader::kTcp4:
            needed |= takes.tcp4;
            break;
        case NetHeader::kTcp6:
            needed |= takes.tcp6;
            break;
        case NetHeader::kUdp:
            needed |= takes.udp;
            break;
        default:
            return false;
    }
    return (features & needed) == needed;
}

/// The one's complement sum of the bytes as 16-bit numbers in memory's order; its bytes are in the right order when it
/// is stored in the same way (RFC 1071, 2 B).
[[nodiscard]] std::uint16_t sum_of(std::span<const std::byte> bytes) noexcept {
    std::uint64_t sum = 0;
    for (; bytes.size() >= sizeof(std::uint32_t); bytes = bytes.subspan(sizeof(std::uint32_t))) {
        std::uint32_t part = 0;
        std::memcpy(&part, bytes.data(), sizeof part);
        sum += part;
    }
    std::uint32_t rest = 0;
    std::memcpy(&rest, bytes.data(), bytes.size());
    sum += rest;
    while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
}

/// The numbers have 16 bits each, so that their sum is small.
[[nodiscard]] bool checksum_is_inside(const NetHeader& header, std::size_t size) noexcept {
    const std::size_t end = std::size_t{header.csum_start} + header.csum_offset + sizeof(std::uint16_t);
    return header.csum_start < size && end <= size;
}

}  // namespace

bool allow_from_guest(NetHeader& header, std::uint64_t features) noexcept {
    header.flags &= NetHeader::kNeedsCsum;
    header.num_buffers = 0;
    if (header.flags != 0 && (features & net_feature::kCsum) == 0) return false;
    return takes_segments(header, kHost, features);
}

bool allow_to_guest(NetHeader& header, std::uint64_t features) noexcept {
    constexpr std::uint8_t kKnown = NetHeader::kNeedsCsum | NetHeader::kDataValid;
    const bool checks = (features & net_feature::kGuestCsum) != 0;
    if (!checks && (header.flags & NetHeader::kNeedsCsum) != 0) return false;
    header.flags &= checks ? kKnown : std::uint8_t{0};  // 5.1.6.4.1
    return takes_segments(header, kGuest, features);
}

bool adapt_to_receiver(NetHeader& header, std::span<std::byte> frame, std::uint64_t features) noexcept {
    header.flags &= NetHeader::kNeedsCsum;
    if (!takes_segments(header, kGuest, features)) return false;
    if (header.flags == 0) return true;
    if ((features & net_feature::kGuestCsum) != 0) return checksum_is_inside(header, frame.size());
    header.flags = 0;
    return complete_checksum(header, frame);
}

bool complete_checksum(const NetHeader& header, std::span<std::byte> frame) noexcept {
    if (!checksum_is_inside(header, frame.size())) return false;
    const std::size_t start = header.csum_start, at = start + header.csum_offset;
    // The place of the checksum has the sum of the pseudo-header already.
    std::uint16_t sum = static_cast<std::uint16_t>(~sum_of(frame.subspan(start)));
    // Zero would mean "none" in UDP, and the same number is also written as all ones.
    if (sum == 0) sum = 0xffff;
    std::memcpy(frame.data() + at, &sum, sizeof sum);
    return true;
}

}  // namespace qvm
