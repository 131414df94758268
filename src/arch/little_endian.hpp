// SPDX-License-Identifier: Apache-2.0
// Bytes of files and of tables for the guest. Both are little-endian, as is every host that this builds for.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace qvm {

static_assert(std::endian::native == std::endian::little);

using ByteView = std::span<const std::byte>;

/// Whether [at, at + length) lies inside `bytes`.
[[nodiscard]] constexpr bool inside(ByteView bytes, std::uint64_t at, std::uint64_t length) noexcept {
    return at <= bytes.size() && length <= bytes.size() - at;
}

/// [at, at + length), or nothing if it does not lie inside.
[[nodiscard]] constexpr std::optional<ByteView> slice(ByteView bytes, std::uint64_t at, std::uint64_t length) noexcept {
    if (!inside(bytes, at, length)) return std::nullopt;
    return bytes.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(length));
}

/// The value at `at`, or nothing if it does not lie inside.
template <typename T>
requires std::is_trivially_copyable_v<T>
[[nodiscard]] std::optional<T> get(ByteView bytes, std::uint64_t at) noexcept {
    if (!inside(bytes, at, sizeof(T))) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    return value;
}

/// Stores `value` at `at`, which the caller knows to lie inside.
template <typename T>
requires std::is_trivially_copyable_v<T>
void put(std::span<std::byte> bytes, std::size_t at, const T& value) noexcept {
    std::memcpy(bytes.subspan(at, sizeof(T)).data(), &value, sizeof(T));
}

}  // namespace qvm
