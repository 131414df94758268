// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics_json.hpp"

#include <fmt/format.h>

#include <iterator>

#include "config/utf8.hpp"

namespace qvm {

namespace {

/// RFC 8259, section 7.
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

std::string json_object(const Diagnostic& what, const Sources& sources) {
    const bool known = what.where.source < sources.size();
    const Location where = known && what.where.line != 0 ? what.where : Location{0, 0, 0, 0};
    return fmt::format(R"({{"severity":"{}","file":{},"line":{},"column":{},"length":{},"message":{},"hint":{}}})",
                       kind_name(what.kind), json_string(known ? sources.name(what.where.source) : ""), where.line,
                       where.column, where.length, json_string(what.message), json_string(what.hint));
}

}  // namespace

std::string to_json(const Diagnostics& diagnostics, const Sources& sources) {
    std::string out = "[";
    for (const Diagnostic& each : diagnostics.all()) {
        if (out.size() > 1) out += ",\n ";
        out += json_object(each, sources);
    }
    return out + "]\n";
}

}  // namespace qvm
