// SPDX-License-Identifier: Apache-2.0
// Diagnostics for programs.
#pragma once

#include <string>

#include "config/diagnostics.hpp"

namespace qvm {

/// One JSON array with a line end behind it, in the order of all(), notes behind what they belong to. Each element has
/// severity, file, line, column, length, message and hint. Lines and columns count as in Location; line 0: the file as
/// a whole; file "": no place at all. What is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string to_json(const Diagnostics& diagnostics, const Sources& sources);

}  // namespace qvm
