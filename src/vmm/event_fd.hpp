// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vmm/unique_fd.hpp"

namespace qvm {

/// A non-blocking eventfd(2). signal() and drain() may be called from any thread.
class EventFd {
public:
    /// Throws HostError.
    EventFd();

    void signal() const noexcept;
    /// Takes all signals; true if there was at least one.
    bool drain() const noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    UniqueFd fd_;
};

}  // namespace qvm
