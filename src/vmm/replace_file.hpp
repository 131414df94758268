// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace qvm {

/// File `name` has `text` from one moment to the next: no reader ever sees a part of it. Mode 0644, less the umask.
/// Throws HostError.
void replace_file(int directory, const std::string& name, std::string_view text);

/// All of `text` into `fd`. Throws HostError.
void write_all(int fd, std::string_view text);

}  // namespace qvm
