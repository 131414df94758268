// SPDX-License-Identifier: Apache-2.0
#include "devices/host/virtiofsd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr std::array kPrograms{"/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"};

[[nodiscard]] std::string find_program(const std::string& wanted) {
    for (const char* const path : kPrograms)
        if (wanted.empty() && ::access(path, X_OK) == 0) return path;
    if (!wanted.empty() && ::access(wanted.c_str(), X_OK) == 0) return wanted;
    throw HostError{fmt::format("there is no virtiofsd, neither {}", fmt::join(kPrograms, " nor "))};
}

/// As one word for the shell.
[[nodiscard]] std::string shell_word(std::string_view text) {
    std::string out = "'";
    for (const char letter : text) out += letter == '\'' ? std::string{"'\\''"} : std::string{letter};
    return out + "'";
}

/// Its standard input is the socket that it listens at.
[[nodiscard]] std::string command_line(const Virtiofsd::Wanted& wanted) {
    if (!std::filesystem::is_directory(wanted.directory))
        throw HostError{fmt::format("{} is no directory", wanted.directory)};
    if (wanted.directory.find_first_of(",\\") != std::string::npos)
        throw HostError{"virtiofsd takes no directory with a comma or a backslash in its name"};
    return fmt::format("exec 3<&0 </dev/null; exec {} --fd=3 -o source={}{}", shell_word(find_program(wanted.program)),
                       shell_word(wanted.directory), wanted.direct_io ? " -o allow_direct_io" : "");
}

}  // namespace

Virtiofsd::Virtiofsd(EventLoop& loop, Log& log, const Wanted& wanted) : Virtiofsd{loop, log, wanted, make_ends()} {}

Virtiofsd::Virtiofsd(EventLoop& loop, Log& log, const Wanted& wanted, Ends ends)
    : command_{loop, log, command_line(wanted), wanted.label + ": virtiofsd", ends.listener.get()},
      connection_{std::move(ends.connection)} {}

/// The kernel chooses an address without a file (unix(7), autobind), and ours is the first connection there.
Virtiofsd::Ends Virtiofsd::make_ends() {
    constexpr int kKind = SOCK_STREAM | SOCK_CLOEXEC;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto* const there = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address.sun_family;
    Ends ends{UniqueFd{check("socket", ::socket(AF_UNIX, kKind, 0))},
              UniqueFd{check("socket", ::socket(AF_UNIX, kKind | SOCK_NONBLOCK, 0))}};
    check("bind", ::bind(ends.listener.get(), there, size));
    size = sizeof address;
    check("getsockname", ::getsockname(ends.listener.get(), there, &size));
    check("listen", ::listen(ends.listener.get(), 1));
    check("connect", ::connect(ends.connection.get(), there, size));
    return ends;
}

UniqueFd Virtiofsd::take_connection() noexcept {
    errno = ECHILD;
    return std::move(connection_);
}

}  // namespace qvm
