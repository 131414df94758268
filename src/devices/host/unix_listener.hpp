// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "devices/host/unix_socket.hpp"

namespace qvm {

/// A socket that listens at a path, which goes with it. One that nobody listens at any more is replaced. Who may
/// connect is this user.
class UnixListener {
public:
    /// Throws HostError: somebody listens there, or something else is there.
    explicit UnixListener(std::string path);
    ~UnixListener();
    UnixListener(const UnixListener&) = delete;
    UnixListener& operator=(const UnixListener&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// Nothing if nobody is there.
    [[nodiscard]] UniqueFd accept() const noexcept { return accept_unix(fd_.get()); }

private:
    std::string path_;
    UniqueFd fd_;
};

}  // namespace qvm
