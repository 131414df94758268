// SPDX-License-Identifier: Apache-2.0
// What virtio 1.2, 5.1 says of a network device: feature bits, header of a frame, configuration, control commands.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace qvm {

static_assert(std::endian::native == std::endian::little, "the numbers below are little-endian on the wire");

/// 5.1.3. "Guest" is what the driver takes, "host" what the device takes.
namespace net_feature {
inline constexpr std::uint64_t kCsum = 1ULL << 0;
inline constexpr std::uint64_t kGuestCsum = 1ULL << 1;
inline constexpr std::uint64_t kMtu = 1ULL << 3;
inline constexpr std::uint64_t kMac = 1ULL << 5;
inline constexpr std::uint64_t kGuestTso4 = 1ULL << 7;
inline constexpr std::uint64_t kGuestTso6 = 1ULL << 8;
inline constexpr std::uint64_t kGuestEcn = 1ULL << 9;
inline constexpr std::uint64_t kGuestUfo = 1ULL << 10;
inline constexpr std::uint64_t kHostTso4 = 1ULL << 11;
inline constexpr std::uint64_t kHostTso6 = 1ULL << 12;
inline constexpr std::uint64_t kHostEcn = 1ULL << 13;
inline constexpr std::uint64_t kHostUfo = 1ULL << 14;
inline constexpr std::uint64_t kMrgRxbuf = 1ULL << 15;
inline constexpr std::uint64_t kStatus = 1ULL << 16;
inline constexpr std::uint64_t kCtrlVq = 1ULL << 17;
inline constexpr std::uint64_t kCtrlRx = 1ULL << 18;
inline constexpr std::uint64_t kCtrlRxExtra = 1ULL << 20;
inline constexpr std::uint64_t kMq = 1ULL << 22;
inline constexpr std::uint64_t kCtrlMacAddr = 1ULL << 23;

inline constexpr std::uint64_t kGuestTso = kGuestTso4 | kGuestTso6;
inline constexpr std::uint64_t kHostTso = kHostTso4 | kHostTso6;
/// All that depends on who is at the other end.
inline constexpr std::uint64_t kOffloads =
    kCsum | kGuestCsum | kGuestTso | kGuestEcn | kGuestUfo | kHostTso | kHostEcn | kHostUfo;
}  // namespace net_feature

/// `features` without those whose condition is not among them (5.1.3.1).
[[nodiscard]] constexpr std::uint64_t with_conditions_met(std::uint64_t features) noexcept {
    using namespace net_feature;
    if ((features & kCsum) == 0) features &= ~(kHostTso | kHostUfo);
    if ((features & kGuestCsum) == 0) features &= ~(kGuestTso | kGuestUfo);
    if ((features & kHostTso) == 0) features &= ~kHostEcn;
    if ((features & kGuestTso) == 0) features &= ~kGuestEcn;
    return features;
}

/// 5.1.6: in front of each frame. Drivers of before 1.0 leave the last field out unless they merge buffers.
struct NetHeader {
    static constexpr std::uint8_t kNeedsCsum = 1, kDataValid = 2;                          // flags
    static constexpr std::uint8_t kNone = 0, kTcp4 = 1, kUdp = 3, kTcp6 = 4, kEcn = 0x80;  // gso_type

    std::uint8_t flags = 0;
    std::uint8_t gso_type = kNone;
    std::uint16_t hdr_len = 0;
    std::uint16_t gso_size = 0;
    std::uint16_t csum_start = 0;
    std::uint16_t csum_offset = 0;
    std::uint16_t num_buffers = 0;
};
static_assert(sizeof(NetHeader) == 12);

inline constexpr std::size_t kShortNetHeader = 10;

inline constexpr std::size_t kMinFrame = 14;                     ///< an Ethernet header
inline constexpr std::size_t kMaxFrame = 65535 + kMinFrame + 4;  ///< the largest IP packet, with a VLAN tag

/// 5.1.4.
struct NetConfig {
    static constexpr std::uint16_t kLinkUp = 1;  // status

    std::uint8_t mac[6];
    std::uint16_t status;
    std::uint16_t max_virtqueue_pairs;
    std::uint16_t mtu;
};
static_assert(sizeof(NetConfig) == 12);

/// 5.1.6.5: class and command, then data, all readable; then one writable byte for the answer.
namespace net_control {
inline constexpr std::uint8_t kOk = 0, kErr = 1;
inline constexpr std::uint8_t kRx = 0, kMac = 1, kMq = 4;         // class
inline constexpr std::uint8_t kRxNoBroadcast = 5;                 // the last command of kRx
inline constexpr std::uint8_t kMacTableSet = 0, kMacAddrSet = 1;  // commands of kMac
inline constexpr std::uint8_t kMqPairsSet = 0;                    // command of kMq
}  // namespace net_control

}  // namespace qvm
