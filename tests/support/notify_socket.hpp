// SPDX-License-Identifier: Apache-2.0
// The service manager's side of sd_notify(3).
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>

#include "support/temp_dir.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm::test {

class NotifySocket {
public:
    enum class Kind { Path, Abstract };
    explicit NotifySocket(Kind kind = Kind::Path)
        : name_{kind == Kind::Path ? (scratch_.root() / "notify").string() : "@" + scratch_.root().string()} {
        if (!fd_ || ::bind(fd_.get(), address(), length()) != 0) throw std::runtime_error{"no notify socket"};
    }

    /// As NOTIFY_SOCKET has it.
    [[nodiscard]] const std::string& name() const { return name_; }

    /// The next message; throws if there is none in time.
    [[nodiscard]] std::string receive() const {
        constexpr int kLimit = 20'000;  // milliseconds
        pollfd ready{fd_.get(), POLLIN, 0};
        if (::poll(&ready, 1, kLimit) != 1) throw std::runtime_error{"no message"};
        std::array<char, 4096> text{};
        const ssize_t size = ::recv(fd_.get(), text.data(), text.size(), 0);
        if (size < 0) throw std::runtime_error{"recv"};
        return {text.data(), static_cast<std::size_t>(size)};
    }
    /// Drops messages until one begins with `start`.
    [[nodiscard]] std::string receive(const std::string& start) const {
        std::string message;
        while (!message.starts_with(start)) message = receive();
        return message;
    }
    /// Until nothing more fits in.
    void fill() const {
        const UniqueFd other{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        while (::sendto(other.get(), "x", 1, 0, address(), length()) == 1) {
        }
        if (errno != EAGAIN) throw std::runtime_error{"sendto"};
    }

private:
    [[nodiscard]] const sockaddr* address() const {
        address_.sun_family = AF_UNIX;
        std::memcpy(address_.sun_path, name_.data(), name_.size());
        if (name_[0] == '@') address_.sun_path[0] = '\0';
        return reinterpret_cast<const sockaddr*>(&address_);
    }
    [[nodiscard]] socklen_t length() const {
        return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size() + (name_[0] == '@' ? 0 : 1));
    }

    TempDir scratch_;
    std::string name_;
    mutable sockaddr_un address_{};
    UniqueFd fd_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

}  // namespace qvm::test
