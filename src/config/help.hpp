// SPDX-License-Identifier: Apache-2.0
// What exists, in words, made from the tables that the parser works with.
#pragma once

#include <span>
#include <string>

#include "config/option_spec.hpp"
#include "config/variables.hpp"

namespace qvm {

/// `vdev ?`: a type per line with its summary.
[[nodiscard]] std::string help_on_vdevs(std::span<const VdevSyntax* const> types);
/// `--help-vdev`: one type with all its options, those that every vdev has included.
[[nodiscard]] std::string help_on_vdev(const VdevSyntax& type);
/// What a variable takes: "boolean", "off|2M|1G".
[[nodiscard]] std::string type_text(const VariableSpec& variable);
/// `set ?`: a variable per line: name, (type, context), meaning, default, and why it has no effect if it has none.
/// Those of a vdev on demand only.
[[nodiscard]] std::string help_on_variables(std::span<const VariableSpec> variables, bool of_vdevs = true);

}  // namespace qvm
