// SPDX-License-Identifier: Apache-2.0
#include "devices/host/shell_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "devices/host/run_on_loop.hpp"
#include "devices/host/spawn_shell.hpp"
#include "vmm/error.hpp"

namespace qvm {

namespace {

constexpr int kGraceMilliseconds = 1000;

}  // namespace

ShellCommand::ShellCommand(EventLoop& loop, Log& log, const std::string& command, std::string name)
    : loop_{loop}, log_{log}, name_{std::move(name)} {
    std::array<int, 2> ends{};
    check("pipe", ::pipe2(ends.data(), O_CLOEXEC));
    const UniqueFd reading{ends[0]};
    input_ = UniqueFd{ends[1]};
    start(command, reading.get());
}

ShellCommand::ShellCommand(EventLoop& loop, Log& log, const std::string& command, std::string name, int input)
    : loop_{loop}, log_{log}, name_{std::move(name)} {
    start(command, input);
}

void ShellCommand::start(const std::string& command, int input) {
    pid_ = spawn_shell(command, input);
    process_ = UniqueFd{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
    if (!process_) return;
    run_on_loop(loop_,
                [this] { ended_ = loop_.watch(process_.get(), POLLIN, [this](std::uint32_t) { (void)reap(0); }); });
}

ShellCommand::~ShellCommand() {
    run_on_loop(loop_, [this] { ended_ = Watch{}; });
    if (pid_ == 0 || reap(kGraceMilliseconds)) return;
    log_.warn(fmt::format("{}: still runs after the end of its input and is stopped", name_));
    ::kill(-pid_, SIGTERM);
    if (reap(kGraceMilliseconds)) return;
    ::kill(-pid_, SIGKILL);
    (void)reap(-1);
}

/// Waits that long, or forever if negative; true once the process is gone.
bool ShellCommand::reap(int milliseconds) noexcept {
    if (pid_ == 0) return true;
    if (process_) {
        pollfd item{.fd = process_.get(), .events = POLLIN, .revents = 0};
        ::poll(&item, 1, milliseconds);
    }
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, milliseconds < 0 ? 0 : WNOHANG);
    if (ended == 0) return false;
    pid_ = 0;
    ended_ = Watch{};
    if (ended > 0) report(status);
    return true;
}

void ShellCommand::report(int status) noexcept {
    if (WIFSIGNALED(status)) {
        log_.info(fmt::format("{}: was ended by signal {}", name_, WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0) {
        log_.info(fmt::format("{}: ended with exit status {}", name_, WEXITSTATUS(status)));
    }
}

}  // namespace qvm
