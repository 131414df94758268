// SPDX-License-Identifier: Apache-2.0
// Requests to a block device, as the driver writes them (virtio 1.2, 5.2.6). Pure.
#pragma once

#include <cstdint>
#include <span>

#include "devices/virtio/virtqueue.hpp"

namespace qvm {

namespace blk_feature {  // 5.2.3
inline constexpr std::uint64_t kSegMax = 1ULL << 2;
inline constexpr std::uint64_t kReadOnly = 1ULL << 5;
inline constexpr std::uint64_t kBlkSize = 1ULL << 6;
inline constexpr std::uint64_t kFlush = 1ULL << 9;
inline constexpr std::uint64_t kTopology = 1ULL << 10;
inline constexpr std::uint64_t kConfigWce = 1ULL << 11;
inline constexpr std::uint64_t kMq = 1ULL << 12;
inline constexpr std::uint64_t kDiscard = 1ULL << 13;
inline constexpr std::uint64_t kWriteZeroes = 1ULL << 14;
}  // namespace blk_feature

/// struct virtio_blk_req: `type`.
enum class BlkType : std::uint32_t { In = 0, Out = 1, Flush = 4, GetId = 8, Discard = 11, WriteZeroes = 13 };

/// struct virtio_blk_req: `status`.
enum class BlkStatus : std::uint8_t { Ok = 0, IoError = 1, Unsupported = 2 };

/// Its first bytes, as they are in guest memory.
struct BlkHeader {
    std::uint32_t type = 0;
    std::uint32_t reserved = 0;
    std::uint64_t sector = 0;
};

/// struct virtio_blk_discard_write_zeroes.
struct BlkRange {
    static constexpr std::uint32_t kUnmap = 1;
    std::uint64_t sector = 0;
    std::uint32_t sectors = 0;
    std::uint32_t flags = 0;
};

inline constexpr std::uint32_t kBlkIdSize = 20;  ///< what VIRTIO_BLK_T_GET_ID asks for

/// What a disk can do now.
struct BlkLimits {
    std::uint64_t sectors = 0;
    std::uint64_t features = 0;       ///< negotiated
    bool read_only = false;           ///< whatever was negotiated
    std::uint32_t range_sectors = 0;  ///< most in one BlkRange
    std::uint32_t ranges = 0;         ///< most in one request
};

/// A request whose header has been judged.
struct BlkRequest {
    BlkType type = BlkType::In;
    std::uint64_t sector = 0;
    /// Bytes: what is to be read or written, or room for the ID, or of BlkRanges.
    std::uint32_t size = 0;
    /// If it is not Ok, it is the answer, and there is nothing else to do.
    BlkStatus verdict = BlkStatus::Ok;
};

/// Whether a chain has room for a status: without, there can be no answer.
[[nodiscard]] inline bool can_be_answered(const Chain& chain) noexcept { return chain.writable_size() != 0; }

/// `chain` must be one that can be answered.
[[nodiscard]] BlkRequest parse_blk_request(const Chain& chain, const BlkLimits& limits) noexcept;

/// Whether a range of a Discard or WriteZeroes may be served.
[[nodiscard]] BlkStatus judge_range(BlkType type, const BlkRange& range, const BlkLimits& limits) noexcept;

/// The data of a request is behind the header in its readable part, and before the status in its writable part.
inline constexpr std::size_t kBlkHeaderSize = sizeof(BlkHeader);

}  // namespace qvm
