// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace qvm {

struct FileText {
    std::string text;   ///< any bytes
    std::string error;  ///< why it could not be read; empty if all went well
};

/// A whole file, also one of /proc. At most 64 MiB.
[[nodiscard]] FileText read_text_file(const std::string& path);

}  // namespace qvm
