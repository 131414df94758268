// SPDX-License-Identifier: Apache-2.0
// Just enough UTF-8 to tell text from garbage and to count columns.
#pragma once

#include <cstddef>
#include <string_view>

namespace qvm {

/// How long a character is by its first byte; 0 if no character begins with it.
[[nodiscard]] constexpr std::size_t utf8_announced_length(unsigned lead) noexcept {
    if (lead < 0x80) return 1;
    if (lead < 0xc2) return 0;
    if (lead < 0xe0) return 2;
    if (lead < 0xf0) return 3;
    return lead < 0xf5 ? 4 : 0;
}

/// The length of the character that `text` begins with, 1 to 4; 0 if `text` is empty or does not begin with a valid
/// one (a stray or missing continuation byte, an overlong form, a surrogate, beyond U+10FFFF).
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view text) noexcept {
    if (text.empty()) return 0;
    const auto byte = [text](std::size_t at) -> unsigned { return static_cast<unsigned char>(text[at]); };
    const unsigned lead = byte(0);
    const std::size_t length = utf8_announced_length(lead);
    if (length < 2) return length;
    if (text.size() < length) return 0;
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xc0) != 0x80) return 0;
    }
    // Overlong forms and beyond the last code point; surrogates.
    const unsigned lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    return byte(1) >= lowest && byte(1) <= highest ? length : 0;
}

/// A control character that has no place in a configuration. Blanks and line ends are none.
[[nodiscard]] constexpr bool is_control(char byte) noexcept {
    const auto value = static_cast<unsigned char>(byte);
    return (value < 0x20 && (value < '\t' || value > '\r')) || value == 0x7f;
}

/// The first byte of `text` that no configuration may hold; npos if there is none.
[[nodiscard]] constexpr std::size_t first_not_text(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = is_control(text[at]) ? 0 : utf8_length(text.substr(at));
        if (length == 0) return at;
        at += length;
    }
    return std::string_view::npos;
}

}  // namespace qvm
