// SPDX-License-Identifier: Apache-2.0
#include "config/diagnostics_json.hpp"

#include <fmt/format.h>

#include "config/json_text.hpp"

namespace qvm {

namespace {

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
