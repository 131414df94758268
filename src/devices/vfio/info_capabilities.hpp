// SPDX-License-Identifier: Apache-2.0
// The list of capabilities at the end of VFIO's answers (vfio_info_cap_header, include/uapi/linux/vfio.h of Linux 6.1).
#pragma once

#include <linux/vfio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace qvm {

/// The T at an offset; zeros where the answer is too short.
template <typename T>
[[nodiscard]] T info_at(std::span<const std::byte> info, std::size_t offset) noexcept {
    T value{};
    if (offset <= info.size() && sizeof value <= info.size() - offset)
        std::memcpy(&value, info.data() + offset, sizeof value);
    return value;
}

/// Offset of the first capability `id` in the list that begins at `first` (0: there is none).
[[nodiscard]] inline std::optional<std::uint32_t> find_info_capability(std::span<const std::byte> info,
                                                                       std::uint32_t first, std::uint16_t id) noexcept {
    for (std::uint32_t offset = first; offset != 0;) {
        const auto header = info_at<vfio_info_cap_header>(info, offset);
        if (header.id == id && offset < info.size()) return offset;
        if (header.next <= offset) break;  // it goes forward
        offset = header.next;
    }
    return std::nullopt;
}

}  // namespace qvm
