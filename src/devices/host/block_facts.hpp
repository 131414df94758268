// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "devices/host/block_file.hpp"

namespace qvm {

/// Asks an open file or block device. Throws BlockFileError if it is neither.
[[nodiscard]] BlockFacts read_block_facts(int fd, bool read_only);

/// Alignment that direct I/O asks for.
struct DirectAlignment {
    std::uint32_t memory = 0;
    std::uint32_t offset = 0;
};
[[nodiscard]] DirectAlignment direct_alignment(int fd, const BlockFacts& facts) noexcept;

}  // namespace qvm
