// SPDX-License-Identifier: Apache-2.0
// libFuzzer's bytes, taken one value after another.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <type_traits>

namespace qvm::test {

class FuzzInput {
public:
    FuzzInput(const std::uint8_t* data, std::size_t size) : rest_{reinterpret_cast<const std::byte*>(data), size} {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }
    /// Zeroes once there are no bytes left.
    template <typename T>
    requires std::is_trivially_copyable_v<T>
    [[nodiscard]] T take() {
        T value{};
        const auto from = bytes(sizeof value);
        std::memcpy(&value, from.data(), from.size());
        return value;
    }
    [[nodiscard]] std::uint8_t byte() { return take<std::uint8_t>(); }
    [[nodiscard]] std::uint16_t word() { return take<std::uint16_t>(); }
    [[nodiscard]] std::uint32_t dword() { return take<std::uint32_t>(); }
    /// At most `size`; fewer at the end.
    [[nodiscard]] std::span<const std::byte> bytes(std::size_t size) {
        const auto out = rest_.first(std::min(size, rest_.size()));
        rest_ = rest_.subspan(out.size());
        return out;
    }

private:
    std::span<const std::byte> rest_;
};

/// What must hold whatever the input is.
inline void promise(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "broken promise: %s\n", what);
    std::abort();
}

}  // namespace qvm::test
