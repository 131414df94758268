// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "devices/host/host_end.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// The master side of a new pseudo-terminal, which knows whether somebody has the other side open. The kernel reports
/// the end of that with POLLHUP, and its beginning not at all; inotify on the other side's node does.
class PseudoTerminal final : public HostEnd {
public:
    /// Throws HostError. The other side passes bytes unchanged from the start.
    PseudoTerminal();

    void start(EventLoop& loop, Changed changed) override;
    void stop() override;

    /// Of the other side.
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    void look();

    std::shared_ptr<HostStream> master_;
    std::string path_;
    UniqueFd opens_;  // inotify
    EventLoop* loop_ = nullptr;
    Changed changed_;
    bool open_ = false;  // loop's thread
    Watch hung_up_;
    Watch opened_;
};

}  // namespace qvm
