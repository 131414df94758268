// SPDX-License-Identifier: Apache-2.0
// Numbers and lists of them, and what every parser of values returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace qvm {

/// Why a word is not the value that it should be.
struct ValueError {
    std::string message;
    std::string hint{};
    std::size_t offset = 0;  ///< first wrong byte of the word
    std::size_t length = 0;  ///< how many are wrong; 0: all that follow
};

/// A value or the reason why there is none.
template <typename T>
class Parsed {
public:
    Parsed(T value) : state_{std::in_place_index<0>, std::move(value)} {}  // NOLINT(google-explicit-constructor)
    Parsed(ValueError error)
        : state_{std::in_place_index<1>, std::move(error)} {}  // NOLINT(google-explicit-constructor)
    [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
    [[nodiscard]] const T& operator*() const { return std::get<0>(state_); }
    [[nodiscard]] const T* operator->() const { return &std::get<0>(state_); }
    [[nodiscard]] const ValueError& error() const { return std::get<1>(state_); }

private:
    std::variant<T, ValueError> state_;
};

/// Decimal, `0x` hexadecimal or `0d` decimal, up to 64 bits.
[[nodiscard]] Parsed<std::uint64_t> parse_number(std::string_view text);
/// A number with an optional K, M, G or T (powers of 1024) in either case. Serves sizes and addresses.
[[nodiscard]] Parsed<std::uint64_t> parse_size(std::string_view text);

enum class Scan : std::uint8_t { Number, Malformed, Overflow };

struct Scanned {
    Scan what = Scan::Malformed;
    std::uint64_t value = 0;
};

/// As parse_number and parse_size, for those who only want to know whether it is a number.
[[nodiscard]] Scanned scan_number(std::string_view text) noexcept;
[[nodiscard]] Scanned scan_size(std::string_view text) noexcept;
[[nodiscard]] ValueError overflow_error(std::string_view text);

/// Part of a word that has several, with its offset in the word.
struct Field {
    std::string_view text;
    std::size_t offset;
};

/// Never empty. A separator at the end makes an empty last field.
[[nodiscard]] std::vector<Field> split(std::string_view text, char separator);

/// As parse_number and parse_size; the error's offset is that in the whole word.
[[nodiscard]] Parsed<std::uint64_t> number_in(const Field& field);
[[nodiscard]] Parsed<std::uint64_t> size_in(const Field& field);
/// A number from 0 to `last`; `what` names it in the message.
[[nodiscard]] Parsed<std::uint64_t> number_up_to(const Field& field, std::uint64_t last, std::string_view what);

}  // namespace qvm
