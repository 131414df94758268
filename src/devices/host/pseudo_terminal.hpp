// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "vmm/event_loop.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// The master side of a new pseudo-terminal, which knows whether somebody has the other side open. The kernel reports
/// the end of that with POLLHUP, and its beginning not at all; inotify on the other side's node does.
class PseudoTerminal {
public:
    /// Throws HostError. The other side passes bytes unchanged from the start.
    PseudoTerminal();
    PseudoTerminal(const PseudoTerminal&) = delete;
    PseudoTerminal& operator=(const PseudoTerminal&) = delete;

    /// Runs `changed` on the loop's thread whenever the other side has been opened or is closed by all. Once.
    void monitor(EventLoop& loop, std::function<void(bool open)> changed);
    /// On the main thread; afterwards `changed` is not called.
    void stop_monitoring();

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    /// The master side; once. It must stay open until stop_monitoring().
    [[nodiscard]] UniqueFd take_master() noexcept { return std::move(master_); }

private:
    void look();

    UniqueFd master_;
    int master_fd_;
    std::string path_;
    UniqueFd opens_;  // inotify
    EventLoop* loop_ = nullptr;
    std::function<void(bool)> changed_;
    bool open_ = false;  // loop's thread
    Watch hung_up_;
    Watch opened_;
};

}  // namespace qvm
