// SPDX-License-Identifier: Apache-2.0
#include "devices/host/host_stream.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace qvm {

namespace {

constexpr std::size_t kPolledPiece = 64;

[[nodiscard]] bool is_ready(int fd, short events) noexcept {
    pollfd item{.fd = fd, .events = events, .revents = 0};
    return ::poll(&item, 1, 0) > 0;
}

[[nodiscard]] mode_t file_type(int fd) noexcept {
    struct stat status {};
    return ::fstat(fd, &status) == 0 ? status.st_mode & S_IFMT : 0;
}

[[nodiscard]] UniqueFd open_anew(int fd, HostStream::Use use) {
    const int access = use == HostStream::Use::Input ? O_RDONLY : O_WRONLY;
    const std::string path = fmt::format("/proc/self/fd/{}", fd);
    return UniqueFd{::open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
}

}  // namespace

HostStream::HostStream(UniqueFd fd) : owned_{std::move(fd)}, fd_{owned_.get()} {
    const int flags = ::fcntl(fd_, F_GETFL);
    if (flags >= 0) ::fcntl(fd_, F_SETFL, flags | O_NONBLOCK);
    // send(2) reports a dead peer without SIGPIPE.
    if (file_type(fd_) == S_IFSOCK) way_ = Way::Socket;
}

HostStream::HostStream(int fd, Use use) : fd_{fd} {
    const mode_t type = file_type(fd);
    if (type == S_IFREG) return;
    if (type == S_IFSOCK) {
        way_ = Way::Socket;
        return;
    }
    owned_ = open_anew(fd, use);
    if (owned_) {
        fd_ = owned_.get();
    } else {
        way_ = Way::Polled;
    }
}

HostStream::~HostStream() {
    if (saved_) ::tcsetattr(fd_, TCSANOW, &*saved_);
}

std::ptrdiff_t HostStream::read(std::span<std::byte> data) const noexcept {
    if (way_ == Way::Socket) return ::recv(fd_, data.data(), data.size(), MSG_DONTWAIT);
    if (way_ == Way::Polled && !is_ready(fd_, POLLIN)) {
        errno = EAGAIN;
        return -1;
    }
    return ::read(fd_, data.data(), data.size());
}

std::ptrdiff_t HostStream::write(std::span<const std::byte> data) const noexcept {
    if (way_ == Way::Socket) return ::send(fd_, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (way_ == Way::Plain) return ::write(fd_, data.data(), data.size());
    if (!is_ready(fd_, POLLOUT)) {
        errno = EAGAIN;
        return -1;
    }
    return ::write(fd_, data.data(), std::min(data.size(), kPolledPiece));
}

bool HostStream::is_file() const noexcept { return file_type(fd_) == S_IFREG; }

std::optional<TerminalSize> HostStream::terminal_size() const noexcept {
    winsize size{};
    if (::ioctl(fd_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return std::nullopt;
    return TerminalSize{size.ws_col, size.ws_row};
}

void HostStream::make_raw() noexcept {
    termios mode{};
    if (::tcgetattr(fd_, &mode) != 0) return;
    const termios before = mode;
    ::cfmakeraw(&mode);
    if (::tcsetattr(fd_, TCSANOW, &mode) == 0) saved_ = before;
}

}  // namespace qvm
