// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

#include "vmm/event_loop.hpp"
#include "vmm/log.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// `/bin/sh -c command` with a pipe as its stdin. It leads a process group of its own and never outlives this object:
/// it gets a second to finish after the end of its input, then SIGTERM, then SIGKILL.
class ShellCommand {
public:
    /// Throws HostError. `name` is for messages.
    ShellCommand(EventLoop& loop, Log& log, const std::string& command, std::string name);
    /// With `input` in place of a pipe. Whoever has its other end lets the command know when to end.
    ShellCommand(EventLoop& loop, Log& log, const std::string& command, std::string name, int input);
    /// The writing end of the pipe must be closed by then.
    ~ShellCommand();
    ShellCommand(const ShellCommand&) = delete;
    ShellCommand& operator=(const ShellCommand&) = delete;

    /// The writing end of the pipe; once.
    [[nodiscard]] UniqueFd take_input() noexcept { return std::move(input_); }

private:
    void start(const std::string& command, int input);
    [[nodiscard]] bool reap(int milliseconds) noexcept;
    void report(int status) noexcept;

    EventLoop& loop_;
    Log& log_;
    std::string name_;
    UniqueFd input_;
    pid_t pid_ = 0;  // 0 once it is reaped; the loop's thread, and the destructor after it
    UniqueFd process_;
    Watch ended_;
};

}  // namespace qvm
