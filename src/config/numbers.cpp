// SPDX-License-Identifier: Apache-2.0
#include "config/numbers.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "config/diagnostics.hpp"

namespace qvm {

namespace {

constexpr bool has_prefix(std::string_view text, char letter) noexcept {
    return text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == letter;
}

unsigned suffix_shift(char letter) noexcept {
    switch (letter | 0x20) {
        case 'k':
            return 10;
        case 'm':
            return 20;
        case 'g':
            return 30;
        case 't':
            return 40;
        default:
            return 0;
    }
}

/// "512MB" and "512MiB" are what people write elsewhere.
std::string size_hint(std::string_view text) {
    std::string_view shorter = text;
    if (shorter.ends_with('B') || shorter.ends_with('b')) shorter.remove_suffix(1);
    if (shorter.ends_with('i')) shorter.remove_suffix(1);
    if (shorter != text && scan_size(shorter).what == Scan::Number) return fmt::format("did you mean '{}'?", shorter);
    return "a number is 4096 or 0x1000; a size or an address may also be 4K, 512M or 2G";
}

ValueError shifted(ValueError error, std::size_t offset, std::size_t field) {
    error.offset += offset;
    if (error.length == 0) error.length = field;
    return error;
}

}  // namespace

// No octal: a leading zero means nothing.
Scanned scan_number(std::string_view text) noexcept {
    const bool hex = has_prefix(text, 'x');
    if (hex || has_prefix(text, 'd')) text.remove_prefix(2);
    Scanned out;
    const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), out.value, hex ? 16 : 10);
    if (stop != text.data() + text.size() || text.empty()) return {};
    out.what = code == std::errc{} ? Scan::Number : Scan::Overflow;
    return out;
}

Scanned scan_size(std::string_view text) noexcept {
    const unsigned shift = text.empty() ? 0 : suffix_shift(text.back());
    if (shift != 0) text.remove_suffix(1);
    Scanned out = scan_number(text);
    if (out.what != Scan::Number) return out;
    if (out.value > std::numeric_limits<std::uint64_t>::max() >> shift) return {Scan::Overflow, 0};
    out.value <<= shift;
    return out;
}

ValueError overflow_error(std::string_view text) { return {fmt::format("{} does not fit in 64 bits", quoted(text))}; }

Parsed<std::uint64_t> parse_number(std::string_view text) {
    const Scanned number = scan_number(text);
    if (number.what == Scan::Number) return number.value;
    if (number.what == Scan::Overflow) return overflow_error(text);
    const Scanned size = scan_size(text);
    if (size.what != Scan::Number) return ValueError{fmt::format("{} is not a number", quoted(text)), size_hint(text)};
    return ValueError{fmt::format("{}: a size suffix is not allowed here", quoted(text)),
                      fmt::format("did you mean '{}'?", size.value)};
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
    const Scanned size = scan_size(text);
    if (size.what == Scan::Number) return size.value;
    if (size.what == Scan::Overflow) return overflow_error(text);
    return ValueError{fmt::format("{} is not a size or an address", quoted(text)), size_hint(text)};
}

std::vector<Field> split(std::string_view text, char separator) {
    std::vector<Field> fields;
    std::size_t start = 0;
    for (std::size_t at = text.find(separator); at != std::string_view::npos; at = text.find(separator, start)) {
        fields.push_back({text.substr(start, at - start), start});
        start = at + 1;
    }
    fields.push_back({text.substr(start), start});
    return fields;
}

Parsed<std::uint64_t> number_in(const Field& field) {
    auto value = parse_number(field.text);
    if (value) return value;
    return shifted(value.error(), field.offset, field.text.size());
}

Parsed<std::uint64_t> size_in(const Field& field) {
    auto value = parse_size(field.text);
    if (value) return value;
    return shifted(value.error(), field.offset, field.text.size());
}

Parsed<std::uint64_t> number_up_to(const Field& field, std::uint64_t last, std::string_view what) {
    auto value = number_in(field);
    if (!value || *value <= last) return value;
    return ValueError{fmt::format("{} {} is out of range", what, quoted(field.text)),
                      fmt::format("it may be 0 to {}", last), field.offset, field.text.size()};
}

}  // namespace qvm
