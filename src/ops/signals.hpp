// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "vmm/unique_fd.hpp"

namespace qvm {

/// What an operator asks for by signal (qvmconf specification 5.4).
enum class Request {
    PowerButton,  ///< SIGTERM, SIGINT
    Quit,         ///< SIGQUIT
    Status,       ///< SIGUSR1
    Dump,         ///< SIGUSR2
};

/// Takes these signals out of the process's usual delivery and offers them as a file descriptor. Must be made before
/// any other thread, so that every thread has them blocked; undone by destruction.
class Signals {
public:
    /// Throws HostError.
    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    /// Readable when a request waits.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The next request; nothing if there is none.
    [[nodiscard]] std::optional<Request> take() const noexcept;

private:
    UniqueFd fd_;
};

}  // namespace qvm
