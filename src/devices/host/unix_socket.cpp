// SPDX-License-Identifier: Apache-2.0
#include "devices/host/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr int kKind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

[[nodiscard]] sockaddr_un address_of(const std::string& path) noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(static_cast<char*>(address.sun_path), path.data(), path.size());
    return address;
}

}  // namespace

bool is_socket_path(const std::string& path) noexcept { return path.size() < sizeof sockaddr_un{}.sun_path; }

UniqueFd connect_unix(const std::string& path) noexcept {
    const sockaddr_un address = address_of(path);
    UniqueFd fd{::socket(AF_UNIX, kKind, 0)};
    if (fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    return {};
}

UniqueFd listen_unix(const std::string& path, mode_t mode) {
    constexpr int kBacklog = 8;
    const sockaddr_un address = address_of(path);
    UniqueFd fd{check("socket", ::socket(AF_UNIX, kKind, 0))};
    check(path.c_str(), ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    check(path.c_str(), ::chmod(path.c_str(), mode));  // nobody can connect before listen()
    check(path.c_str(), ::listen(fd.get(), kBacklog));
    return fd;
}

UniqueFd accept_unix(int listener) noexcept {
    return UniqueFd{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
}

}  // namespace qvm
