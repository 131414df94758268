// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk_request.hpp"

#include "devices/host/block_file.hpp"

namespace qvm {
namespace {

[[nodiscard]] bool has(const BlkLimits& limits, std::uint64_t feature) noexcept {
    return (limits.features & feature) != 0;
}

[[nodiscard]] bool is_within(std::uint64_t sector, std::uint64_t count, const BlkLimits& limits) noexcept {
    return sector <= limits.sectors && count <= limits.sectors - sector;
}

/// 5.2.6.2: data in whole sectors, within the capacity.
[[nodiscard]] BlkStatus judge_transfer(const BlkRequest& request, const BlkLimits& limits) noexcept {
    if (request.size % kSectorSize != 0) return BlkStatus::IoError;
    if (!is_within(request.sector, request.size / kSectorSize, limits)) return BlkStatus::IoError;
    return BlkStatus::Ok;
}

[[nodiscard]] BlkStatus judge_ranges(const BlkRequest& request, const BlkLimits& limits) noexcept {
    const bool discards = request.type == BlkType::Discard;
    if (!has(limits, discards ? blk_feature::kDiscard : blk_feature::kWriteZeroes)) return BlkStatus::Unsupported;
    if (request.size == 0 || request.size % sizeof(BlkRange) != 0) return BlkStatus::IoError;
    return request.size / sizeof(BlkRange) <= limits.ranges ? BlkStatus::Ok : BlkStatus::IoError;
}

[[nodiscard]] BlkStatus judge(const BlkRequest& request, const BlkLimits& limits) noexcept {
    switch (request.type) {
        case BlkType::In:
            return judge_transfer(request, limits);
        case BlkType::Out:
            return limits.read_only ? BlkStatus::IoError : judge_transfer(request, limits);
        case BlkType::Flush:
        case BlkType::GetId:
            return BlkStatus::Ok;
        case BlkType::Discard:
        case BlkType::WriteZeroes:
            return limits.read_only ? BlkStatus::IoError : judge_ranges(request, limits);
    }
    return BlkStatus::Unsupported;
}

[[nodiscard]] bool takes_readable_data(BlkType type) noexcept { return type != BlkType::In && type != BlkType::GetId; }

}  // namespace

BlkRequest parse_blk_request(const Chain& chain, const BlkLimits& limits) noexcept {
    const auto header = chain.read<BlkHeader>(0);
    if (!header) return {.verdict = BlkStatus::IoError};
    BlkRequest out{.type = static_cast<BlkType>(header->type), .sector = header->sector};
    out.size = takes_readable_data(out.type) ? chain.readable_size() - static_cast<std::uint32_t>(kBlkHeaderSize)
                                             : chain.writable_size() - 1;
    out.verdict = judge(out, limits);
    return out;
}

BlkStatus judge_range(BlkType type, const BlkRange& range, const BlkLimits& limits) noexcept {
    // 5.2.6.2: unknown flags, and unmap in a discard, are not supported.
    const std::uint32_t allowed = type == BlkType::WriteZeroes ? BlkRange::kUnmap : 0;
    if ((range.flags & ~allowed) != 0) return BlkStatus::Unsupported;
    if (range.sectors > limits.range_sectors) return BlkStatus::IoError;
    return is_within(range.sector, range.sectors, limits) ? BlkStatus::Ok : BlkStatus::IoError;
}

}  // namespace qvm
