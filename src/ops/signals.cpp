// SPDX-License-Identifier: Apache-2.0
#include "ops/signals.hpp"

#include <sys/signalfd.h>

#include <csignal>

#include "vmm/error.hpp"

namespace qvm {
namespace {

sigset_t ours() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2}) ::sigaddset(&set, signal);
    return set;
}

/// Also those that somebody else takes by a signalfd.
sigset_t blocked() noexcept {
    sigset_t set = ours();
    ::sigaddset(&set, SIGWINCH);  // the terminal
    return set;
}

}  // namespace

Signals::Signals() {
    const sigset_t set = ours();
    fd_ = UniqueFd{check("signalfd", ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC))};
    const sigset_t all = blocked();
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

Signals::~Signals() {
    const sigset_t all = blocked();
    ::pthread_sigmask(SIG_UNBLOCK, &all, nullptr);
}

std::optional<Request> Signals::take() const noexcept {
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
    switch (info.ssi_signo) {
        case SIGQUIT:
            return Request::Quit;
        case SIGUSR1:
            return Request::Status;
        case SIGUSR2:
            return Request::Dump;
        default:
            return Request::PowerButton;
    }
}

}  // namespace qvm
