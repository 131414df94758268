// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk_config.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace qvm {
namespace {

template <typename T>
[[nodiscard]] T fitting(std::uint64_t value) noexcept {
    return value > std::numeric_limits<T>::max() ? T{0} : static_cast<T>(value);
}

}  // namespace

void describe_file(BlkConfig& config, const BlockFile& file) noexcept {
    const BlockFacts& facts = file.facts();
    const std::uint32_t block = std::max<std::uint32_t>(facts.logical_block, kSectorSize);
    config.capacity = file.sectors();
    config.blk_size = block;
    config.physical_block_exp =
        static_cast<std::uint8_t>(std::bit_width(std::max<std::uint32_t>(facts.physical_block / block, 1)) - 1);
    config.alignment_offset = fitting<std::uint8_t>(facts.alignment_offset / block);
    config.min_io_size = fitting<std::uint16_t>(facts.minimum_io / block);
    config.opt_io_size = facts.optimal_io / block;
    config.discard_sector_alignment = std::max(facts.physical_block, block) / kSectorSize;
}

}  // namespace qvm
