// SPDX-License-Identifier: Apache-2.0
// A configuration in its normal form, for people and for reading again.
#pragma once

#include <string>
#include <string_view>

#include "config/vm_config.hpp"

namespace qvm {

/// A `.qvmconf` text with one option on each line, every start of memory given, clusters and substitutions resolved,
/// what was replaced left out. Read with the grammar that `config` came from it makes an equal VmConfig. `config` must
/// be what reading made without errors: text without control characters, all rules of the language kept.
[[nodiscard]] std::string print_config(const VmConfig& config);

/// How a file spells the word `text`: in quotes if it must be, with every `$...{` that would be replaced as plain text.
[[nodiscard]] std::string spelled_word(std::string_view text);

}  // namespace qvm
