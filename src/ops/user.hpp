// SPDX-License-Identifier: Apache-2.0
// `user`: whom the process runs as once everything is open (qvmconf specification 2.15).
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "config/vm_config.hpp"

namespace qvm {

struct Identity {
    uid_t user = 0;
    gid_t group = 0;
    std::vector<gid_t> groups;  ///< supplementary ones
};

/// Looks names up; numbers need not be known to the host. Without groups: those that the host gives the user. Throws
/// ConfigError.
[[nodiscard]] Identity find_identity(const UserSpec& spec);

/// All threads of the process become `wanted`, for good. Does nothing if they are it already. Throws HostError if the
/// process may not.
void become(const Identity& wanted);

}  // namespace qvm
