// SPDX-License-Identifier: Apache-2.0
// Pieces of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qvm {

/// With quotes around it (RFC 8259, section 7). What is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string json_string(std::string_view text);

/// An object, member by member, in the order of the calls.
class JsonObject {
public:
    /// `value` is JSON already.
    JsonObject& raw(std::string_view key, std::string_view value);
    JsonObject& text(std::string_view key, std::string_view value) { return raw(key, json_string(value)); }
    JsonObject& number(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }
    JsonObject& truth(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
    [[nodiscard]] std::string done() const { return '{' + members_ + '}'; }

private:
    std::string members_;
};

/// `json(each)` of every element of `list`.
template <typename List, typename Json>
[[nodiscard]] std::string json_array(const List& list, Json json) {
    std::string out = "[";
    for (const auto& each : list) out += (out.size() > 1 ? "," : "") + std::string{json(each)};
    return out + ']';
}

}  // namespace qvm
