// SPDX-License-Identifier: Apache-2.0
// Where the runtime directories of the VMs are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vmm/unique_fd.hpp"

namespace qvm {

struct RuntimeRoot {
    UniqueFd fd;
    std::string path;
};

/// The places that there can be, best first:
///   $RUNTIME_DIRECTORY     what systemd made for `RuntimeDirectory=` (systemd.exec(5)); the first one, if it has
///   several /run/qvm               that of root, or of whom root lets write there $XDG_RUNTIME_DIR/qvm   that of a
///   user (XDG Base Directory Specification)
/// Relative ones do not count. Reads the environment.
[[nodiscard]] std::vector<std::string> runtime_root_candidates();

/// The first of `candidates` that this process may write to. It is made (0755, less the umask) if only its last
/// component is missing. It must belong to root or to this user and be closed to others. If there is none, `why_not`
/// says what is wrong with each.
[[nodiscard]] std::optional<RuntimeRoot> open_runtime_root(const std::vector<std::string>& candidates,
                                                           std::string& why_not);

}  // namespace qvm
