// SPDX-License-Identifier: Apache-2.0
// `$env{NAME}`, `$asinfo_start{NAME}` and `$asinfo_length{NAME}` in words, quoted or not, from files or the command
// line. Every other `$` is left as it is, and so is what a value brings: it is not searched again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.hpp"
#include "config/host_info.hpp"
#include "config/host_map.hpp"
#include "config/lexer.hpp"

namespace qvm {

/// Regions are looked for in `map` first, then on `host`, once for each name. Errors, each at its `$`: a name that
/// leads to nothing, a brace that never closes, a value that is not text. Such a word is then broken.
void substitute(std::vector<Word>& words, const HostInfo& host, const HostMap& map, Diagnostics& diagnostics);

/// The other way round: a word that substitute() makes `text` of, whatever forms `text` has.
[[nodiscard]] std::string as_plain_text(std::string_view text);

}  // namespace qvm
