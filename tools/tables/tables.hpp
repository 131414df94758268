// SPDX-License-Identifier: Apache-2.0
// Files that are made from the tables of the language, so that they cannot go stale.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/option_spec.hpp"

namespace qvm::tables {

/// All types of vdev: those that exist and those that can only be read.
using Types = std::span<const VdevSyntax* const>;

/// Colours for Vim.
[[nodiscard]] std::string vim_syntax(Types types);
/// A TextMate grammar, which VS Code and others read.
[[nodiscard]] std::string textmate_grammar(Types types);
/// `text` with what stands between `<!-- table: NAME -->` and `<!-- end -->` made anew. Throws std::runtime_error,
/// with the line, if there is no table of that name or no end.
[[nodiscard]] std::string renew_manual(std::string_view text, Types types);

}  // namespace qvm::tables
