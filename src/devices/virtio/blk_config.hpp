// SPDX-License-Identifier: Apache-2.0
// The configuration of a block device (virtio 1.2, 5.2.4).
#pragma once

#include <cstddef>
#include <cstdint>

#include "devices/host/block_file.hpp"

namespace qvm {

/// struct virtio_blk_config up to the fields of the features that this device has.
struct BlkConfig {
    std::uint64_t capacity = 0;  ///< sectors of 512 bytes
    std::uint32_t size_max = 0;
    std::uint32_t seg_max = 0;
    std::uint16_t cylinders = 0;
    std::uint8_t heads = 0;
    std::uint8_t sectors = 0;
    std::uint32_t blk_size = kSectorSize;
    // topology, in logical blocks
    std::uint8_t physical_block_exp = 0;
    std::uint8_t alignment_offset = 0;
    std::uint16_t min_io_size = 0;
    std::uint32_t opt_io_size = 0;

    std::uint8_t writeback = 1;
    std::uint8_t unused0 = 0;
    std::uint16_t num_queues = 1;
    std::uint32_t max_discard_sectors = 0;
    std::uint32_t max_discard_seg = 0;
    std::uint32_t discard_sector_alignment = 1;
    std::uint32_t max_write_zeroes_sectors = 0;
    std::uint32_t max_write_zeroes_seg = 0;
    std::uint8_t write_zeroes_may_unmap = 0;
    std::uint8_t unused1[3]{};
};
inline constexpr std::size_t kBlkConfigSize = 60;
static_assert(offsetof(BlkConfig, writeback) == 32);
static_assert(offsetof(BlkConfig, write_zeroes_may_unmap) == 56);

/// Capacity, block size and topology of what the host has.
void describe_file(BlkConfig& config, const BlockFile& file) noexcept;

}  // namespace qvm
