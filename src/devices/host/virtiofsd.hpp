// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "devices/host/shell_command.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/log.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// A virtiofsd of this VM's own, of which QEMU 7.2 has one and the virtio-fs project another: both know these options.
/// It takes one connection and ends with that. Made and destroyed on the main thread.
class Virtiofsd {
public:
    struct Wanted {
        std::string label;  ///< for the log
        std::string directory;
        bool direct_io = false;  ///< what the guest opens with O_DIRECT goes past the host's cache, too
        std::string program{};   ///< empty: where distributions have it
    };

    /// Starts it. Throws HostError.
    Virtiofsd(EventLoop& loop, Log& log, const Wanted& wanted);

    /// The connection, once; then invalid, with errno. From any thread.
    [[nodiscard]] UniqueFd take_connection() noexcept;

private:
    struct Ends {
        UniqueFd listener;
        UniqueFd connection;
    };
    Virtiofsd(EventLoop& loop, Log& log, const Wanted& wanted, Ends ends);
    [[nodiscard]] static Ends make_ends();

    ShellCommand command_;
    UniqueFd connection_;  ///< last: its end is the command's, too
};

}  // namespace qvm
