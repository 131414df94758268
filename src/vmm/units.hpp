// SPDX-License-Identifier: Apache-2.0
// Quantities of the guest as types, so that an address cannot be taken for a size or a port.
#pragma once

#include <cstdint>
#include <optional>

namespace qvm {

/// Guest-physical address.
enum class Gpa : std::uint64_t {};
/// x86 I/O port.
enum class Port : std::uint16_t {};

[[nodiscard]] constexpr std::uint64_t raw(Gpa at) noexcept { return static_cast<std::uint64_t>(at); }
[[nodiscard]] constexpr std::uint16_t raw(Port at) noexcept { return static_cast<std::uint16_t>(at); }

inline constexpr std::uint64_t kKiB = 1ULL << 10;
inline constexpr std::uint64_t kMiB = 1ULL << 20;
inline constexpr std::uint64_t kGiB = 1ULL << 30;

/// Rounds up to a multiple of `step`, a power of two. The caller makes sure that the result fits.
[[nodiscard]] constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t step) noexcept {
    return (value + step - 1) & ~(step - 1);
}
[[nodiscard]] constexpr std::uint64_t align_down(std::uint64_t value, std::uint64_t step) noexcept {
    return value & ~(step - 1);
}

/// A range of addresses that is never empty and never wraps: [start, start + size).
class Range {
public:
    /// Nothing if `size` is zero or the range would pass 2^64.
    [[nodiscard]] static constexpr std::optional<Range> make(std::uint64_t start, std::uint64_t size) noexcept {
        if (size == 0 || size - 1 > UINT64_MAX - start) return std::nullopt;
        return Range{start, size};
    }

    [[nodiscard]] constexpr std::uint64_t start() const noexcept { return start_; }
    [[nodiscard]] constexpr std::uint64_t size() const noexcept { return size_; }
    /// Last address inside; there is always one.
    [[nodiscard]] constexpr std::uint64_t last() const noexcept { return start_ + (size_ - 1); }

    [[nodiscard]] constexpr bool contains(std::uint64_t at, std::uint64_t length = 1) const noexcept {
        return at >= start_ && at <= last() && length <= size_ - (at - start_);
    }
    [[nodiscard]] constexpr bool overlaps(const Range& other) const noexcept {
        return start_ <= other.last() && other.start_ <= last();
    }
    [[nodiscard]] constexpr bool operator==(const Range&) const noexcept = default;

private:
    constexpr Range(std::uint64_t start, std::uint64_t size) noexcept : start_{start}, size_{size} {}
    std::uint64_t start_;
    std::uint64_t size_;
};

}  // namespace qvm
