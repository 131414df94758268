// SPDX-License-Identifier: Apache-2.0
// Stream sockets of the file system. Nothing here waits.
#pragma once

#include <sys/types.h>

#include <string>

#include "vmm/unique_fd.hpp"

namespace qvm {

/// Whether a socket can have that path at all (unix(7): 107 bytes).
[[nodiscard]] bool is_socket_path(const std::string& path) noexcept;

/// Invalid with errno if nobody listens there.
[[nodiscard]] UniqueFd connect_unix(const std::string& path) noexcept;

/// Listens at `path`, which must not exist yet; to be connected to by whom `mode` lets write. Throws HostError.
[[nodiscard]] UniqueFd listen_unix(const std::string& path, mode_t mode);

/// Invalid with errno if nobody has connected.
[[nodiscard]] UniqueFd accept_unix(int listener) noexcept;

}  // namespace qvm
