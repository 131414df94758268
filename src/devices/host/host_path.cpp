// SPDX-License-Identifier: Apache-2.0
#include "devices/host/host_path.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "devices/host/unix_socket.hpp"

namespace qvm {

namespace {

[[nodiscard]] std::string hint_for(int error) {
    switch (error) {
        case EACCES:
        case EPERM:
            return "check the permissions of the path and of the folders above it";
        case ENOENT:
            return "a file is made if it is missing, but only for output and not its folder";
        case ECONNREFUSED:
            return "start the program that listens on this socket first";
        default:
            return {};
    }
}

[[noreturn]] void fail(int error) { throw HostEndError{errno_text("cannot open", error), hint_for(error)}; }

[[nodiscard]] std::shared_ptr<HostStream> open_or_fail(const std::string& path, int flags) {
    constexpr mode_t kMode = 0666;  // less the umask
    UniqueFd fd{::open(path.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, kMode)};
    if (!fd) fail(errno);
    return std::make_shared<HostStream>(std::move(fd));
}

[[nodiscard]] std::shared_ptr<HostStream> connect_or_fail(const std::string& path) {
    if (!is_socket_path(path)) fail(ENAMETOOLONG);
    UniqueFd fd = connect_unix(path);
    if (!fd) fail(errno);
    return std::make_shared<HostStream>(std::move(fd));
}

/// For both directions, a regular file is taken for a record of the output: reading it would send the guest its own
/// words.
[[nodiscard]] OpenedPath open_file(const std::string& path, PathUse use) {
    if (!use.writes) return {open_or_fail(path, O_RDONLY), true, false};
    return {open_or_fail(path, O_WRONLY | O_APPEND | (use.make ? O_CREAT : 0)), false, false};
}

}  // namespace

OpenedPath open_host_path(const std::string& path, PathUse use) {
    struct stat status {};
    const bool there = ::stat(path.c_str(), &status) == 0;
    if (there && S_ISDIR(status.st_mode)) fail(EISDIR);
    if (there && S_ISSOCK(status.st_mode)) return {connect_or_fail(path), use.reads, true};
    if (!there || S_ISREG(status.st_mode)) return open_file(path, use);
    // A FIFO is opened both ways: then neither does a missing writer end the input, nor must a reader come first.
    const bool both = (use.reads && use.writes) || S_ISFIFO(status.st_mode);
    auto stream = open_or_fail(path, both ? O_RDWR : (use.reads ? O_RDONLY : O_WRONLY));
    stream->make_raw();
    return {std::move(stream), use.reads, false};
}

}  // namespace qvm
