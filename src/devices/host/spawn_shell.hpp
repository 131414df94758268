// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

namespace qvm {

/// Starts `/bin/sh -c command` with `stdin_fd` as its standard input, in a process group of its own and with no signal
/// blocked or ignored. The caller reaps it. Throws HostError.
[[nodiscard]] pid_t spawn_shell(const std::string& command, int stdin_fd);

}  // namespace qvm
