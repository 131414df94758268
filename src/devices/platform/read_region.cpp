// SPDX-License-Identifier: Apache-2.0
#include "devices/platform/read_region.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace qvm {

std::vector<std::byte> read_region(const HostRegion& region) {
    using Word = std::uint64_t;
    std::vector<std::byte> bytes(region.length);
    const std::byte* const from = region.pages.bytes().data() + region.first;
    const auto misaligned = reinterpret_cast<std::uintptr_t>(from) % sizeof(Word);
    const std::size_t head = std::min<std::size_t>((sizeof(Word) - misaligned) % sizeof(Word), bytes.size());
    const auto single = [&](std::size_t at) { bytes[at] = *const_cast<const volatile std::byte*>(from + at); };
    std::size_t at = 0;
    for (; at < head; ++at) single(at);
    for (; bytes.size() - at >= sizeof(Word); at += sizeof(Word)) {
        const Word word = *reinterpret_cast<const volatile Word*>(from + at);
        std::memcpy(bytes.data() + at, &word, sizeof word);
    }
    for (; at < bytes.size(); ++at) single(at);
    return bytes;
}

}  // namespace qvm
