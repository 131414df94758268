// SPDX-License-Identifier: Apache-2.0
#include "config/json_text.hpp"

#include <fmt/format.h>

#include <iterator>

#include "config/utf8.hpp"

namespace qvm {

std::string json_string(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const char first = text.front();
        if (length == 0)
            out += "\\ufffd";
        else if (length == 1 && static_cast<unsigned char>(first) < 0x20)
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(first));
        else if (first == '"' || first == '\\')
            out += {'\\', first};
        else
            out += text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out + '"';
}

JsonObject& JsonObject::raw(std::string_view key, std::string_view value) {
    if (!members_.empty()) members_ += ',';
    members_ += json_string(key);
    members_ += ':';
    members_ += value;
    return *this;
}

}  // namespace qvm
