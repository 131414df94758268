// SPDX-License-Identifier: Apache-2.0
// Just enough UTF-8 to tell text from garbage and to count columns.
#pragma once

#include <cstddef>
#include <string_view>

namespace qvm {

/// The length of the character that `text` begins with, 1 to 4; 0 if `text` is empty or does not begin with a valid
/// one (a stray or missing continuation byte, an overlong form, a surrogate, beyond U+10FFFF).
[[nodiscard]] constexpr std::size_t utf8_length(std::string_view text) noexcept {
    const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    if (text.empty()) return 0;
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (lead < 0xc2 || length == 0 || text.size() < length) return 0;
    for (std::size_t at = 1; at < length; ++at) {
        if ((byte(at) & 0xc0) != 0x80) return 0;
    }
    const unsigned second = byte(1);
    const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    const bool surrogate = lead == 0xed && second >= 0xa0;
    const bool beyond = lead == 0xf4 && second >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

/// A control character that has no place in a configuration. Blanks and line ends are none.
[[nodiscard]] constexpr bool is_control(char byte) noexcept {
    const auto value = static_cast<unsigned char>(byte);
    return (value < 0x20 && (value < '\t' || value > '\r')) || value == 0x7f;
}

}  // namespace qvm
