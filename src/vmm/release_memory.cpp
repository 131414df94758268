// SPDX-License-Identifier: Apache-2.0
#include "vmm/release_memory.hpp"

#include <fcntl.h>

#include <cerrno>

namespace qvm {
namespace {

bool change(const GuestMemory::Block& block, int mode, std::uint64_t offset, std::uint64_t length) noexcept {
    int result = 0;
    do result = ::fallocate(block.memfd.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(length));
    while (result != 0 && errno == EINTR);
    return result == 0;
}

}  // namespace

std::uint64_t release(const GuestMemory::Block& block, std::uint64_t offset, std::uint64_t length) noexcept {
    const std::uint64_t first = align_up(offset, block.page);
    const std::uint64_t end = align_down(offset + length, block.page);
    if (end <= first) return 0;
    return change(block, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first, end - first) ? end - first : 0;
}

bool refill(const GuestMemory::Block& block, std::uint64_t offset, std::uint64_t length) noexcept {
    return change(block, FALLOC_FL_KEEP_SIZE, offset, length);
}

}  // namespace qvm
