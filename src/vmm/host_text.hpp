// SPDX-License-Identifier: Apache-2.0
// What files of /proc and /sys say.
#pragma once

#include <charconv>
#include <concepts>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace qvm {

/// Without its end; empty if the file cannot be read.
[[nodiscard]] std::string first_line(const std::filesystem::path& file);

/// Nothing unless all of the text is a number that fits. With base 16 it may begin with 0x.
template <std::unsigned_integral Number>
[[nodiscard]] std::optional<Number> number_of(std::string_view text, int base = 10) noexcept {
    if (base == 16 && text.starts_with("0x")) text.remove_prefix(2);
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace qvm
