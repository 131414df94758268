// SPDX-License-Identifier: Apache-2.0
// What a balloon and its driver tell each other (virtio 1.2, 5.5). All of it is little-endian.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace qvm {

/// 5.5.3
namespace balloon_feature {
inline constexpr std::uint64_t kMustTellHost = 1U << 0;
inline constexpr std::uint64_t kStatsVq = 1U << 1;
inline constexpr std::uint64_t kDeflateOnOom = 1U << 2;
inline constexpr std::uint64_t kPagePoison = 1U << 4;
inline constexpr std::uint64_t kPageReporting = 1U << 5;
}  // namespace balloon_feature

/// The unit of its page numbers, whatever the guest's own pages are (5.5.6).
inline constexpr std::uint64_t kBalloonPage = 4096;

/// 5.5.4; numbers of pages.
struct BalloonConfig {
    std::uint32_t num_pages = 0;  ///< that the balloon is to hold
    std::uint32_t actual = 0;     ///< that it holds, written by the driver
    std::uint32_t free_page_hint_cmd_id = 0;
    std::uint32_t poison_val = 0;  ///< what free pages are filled with, written by the driver
};

/// virtio_balloon_stat, 5.5.6.3.
struct [[gnu::packed]] BalloonStat {
    std::uint16_t tag;
    std::uint64_t val;
};
static_assert(sizeof(BalloonStat) == 10);

/// By their tags (5.5.6.4). Memory is in bytes.
inline constexpr std::array<std::string_view, 10> kBalloonStats{
    "swap_in",      "swap_out",         "major_faults", "minor_faults",        "free_memory",
    "total_memory", "available_memory", "disk_caches",  "hugetlb_allocations", "hugetlb_failures"};

}  // namespace qvm
