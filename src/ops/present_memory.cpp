// SPDX-License-Identifier: Apache-2.0
#include "ops/present_memory.hpp"

#include <unistd.h>

#include <cerrno>

namespace qvm {

bool for_each_present(const GuestMemory::Block& block,
                      const std::function<bool(std::size_t offset, std::span<const std::byte> bytes)>& visit) {
    const std::span<const std::byte> bytes = block.mapping.bytes();
    if (block.is_passed()) return visit(0, bytes);
    const auto size = static_cast<off_t>(bytes.size());
    for (off_t at = 0; at < size;) {
        off_t data = ::lseek(block.memfd.get(), at, SEEK_DATA);
        if (data < 0) data = errno == ENXIO ? size : at;
        if (data >= size) return true;
        off_t end = ::lseek(block.memfd.get(), data, SEEK_HOLE);
        if (end < 0) end = size;
        const auto from = static_cast<std::size_t>(data);
        if (!visit(from, bytes.subspan(from, static_cast<std::size_t>(end - data)))) return false;
        at = end;
    }
    return true;
}

}  // namespace qvm
