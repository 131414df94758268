// SPDX-License-Identifier: Apache-2.0
#include "devices/host/unix_listener.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "vmm/error.hpp"

namespace qvm {

namespace {

constexpr mode_t kMode = 0600;

/// Whether there is a socket at that path that nobody listens at.
[[nodiscard]] bool is_left_over(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    return !connect_unix(path) && errno == ECONNREFUSED;
}

[[nodiscard]] UniqueFd listen_at(const std::string& path) {
    if (!is_socket_path(path)) throw HostError{errno_text("cannot listen there", ENAMETOOLONG)};
    if (is_left_over(path)) ::unlink(path.c_str());
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0)
        throw HostError{"cannot listen there: another program does, or there is something that is no socket"};
    return listen_unix(path, kMode);
}

}  // namespace

UnixListener::UnixListener(std::string path) : path_{std::move(path)}, fd_{listen_at(path_)} {}

UnixListener::~UnixListener() {
    if (fd_) ::unlink(path_.c_str());
}

}  // namespace qvm
