// SPDX-License-Identifier: Apache-2.0
#include "devices/host/terminal.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

#include "vmm/error.hpp"

namespace qvm {

namespace {

constexpr std::array kFatalSignals{SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGHUP};

/// What the signal handlers need; a handler can be given nothing else. Written while no handler is installed and read
/// by handlers alone, but for `exists`. The only mutable global state of the program.
struct SavedTerminal {
    std::atomic<bool> exists{false};
    int fd = -1;
    termios before{};
    termios raw{};
    std::array<struct sigaction, kFatalSignals.size()> fatal{};
    struct sigaction continued {};
    struct sigaction tty_input {};
    struct sigaction tty_output {};
};
constinit SavedTerminal saved;

/// Job control gives the terminal to one process group at a time. Without job control (ENOTTY) it is ours.
[[nodiscard]] bool belongs_to_others(int fd) noexcept {
    const pid_t foreground = ::tcgetpgrp(fd);
    return foreground > 0 && foreground != ::getpgrp();
}

/// If another group has the terminal by now, then so has its mode been set by the shell, and is not to be touched.
void restore_mode(int fd, const termios& before) noexcept {
    if (!belongs_to_others(fd)) ::tcsetattr(fd, TCSANOW, &before);
}

/// Async-signal-safe: restores, and lets the signal do what it would have done without us.
void on_fatal_signal(int signal, siginfo_t* info, void*) noexcept {
    const int error = errno;
    restore_mode(saved.fd, saved.before);
    for (std::size_t i = 0; i < kFatalSignals.size(); ++i) {
        if (kFatalSignals[i] == signal) ::sigaction(signal, &saved.fatal[i], nullptr);
    }
    errno = error;
    // A fault of this thread happens again on return, with its proper address.
    const bool comes_again = info->si_code > 0 && signal != SIGABRT && signal != SIGHUP;
    if (!comes_again) ::raise(signal);
}

/// After a stop the shell has set its own mode. Async-signal-safe.
void on_continued(int) noexcept {
    const int error = errno;
    if (!belongs_to_others(saved.fd)) ::tcsetattr(saved.fd, TCSANOW, &saved.raw);
    errno = error;
}

void install_handlers() noexcept {
    struct sigaction action {};
    ::sigemptyset(&action.sa_mask);
    action.sa_sigaction = on_fatal_signal;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    for (std::size_t i = 0; i < kFatalSignals.size(); ++i) {
        ::sigaction(kFatalSignals[i], nullptr, &saved.fatal[i]);
        if (saved.fatal[i].sa_handler != SIG_IGN) ::sigaction(kFatalSignals[i], &action, nullptr);  // nohup
    }
    action.sa_handler = on_continued;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGCONT, &action, &saved.continued);
    // Were these two not ignored, a qvm in the background would be stopped, with all its vCPUs, by a key typed at the
    // shell or by restoring the mode. Ignored, the call fails with EIO or goes through.
    action.sa_handler = SIG_IGN;
    ::sigaction(SIGTTIN, &action, &saved.tty_input);
    ::sigaction(SIGTTOU, &action, &saved.tty_output);
}

void remove_handlers() noexcept {
    for (std::size_t i = 0; i < kFatalSignals.size(); ++i) ::sigaction(kFatalSignals[i], &saved.fatal[i], nullptr);
    ::sigaction(SIGCONT, &saved.continued, nullptr);
    ::sigaction(SIGTTIN, &saved.tty_input, nullptr);
    ::sigaction(SIGTTOU, &saved.tty_output, nullptr);
}

/// Keys go to the guest unchanged, also those that would be signals. Output keeps its processing, so that messages of
/// qvm's own still begin at the left margin.
[[nodiscard]] termios raw_mode(termios mode) noexcept {
    mode.c_iflag &= static_cast<tcflag_t>(~(BRKINT | ICRNL | INLCR | IGNCR | INPCK | ISTRIP | IXON));
    mode.c_lflag &= static_cast<tcflag_t>(~(ECHO | ECHONL | ICANON | IEXTEN | ISIG));
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    return mode;
}

[[nodiscard]] UniqueFd open_resize_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGWINCH);
    return UniqueFd{check("signalfd", ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC))};
}

/// Blocks all signals of this thread, and of the processes that it forks meanwhile.
class AllSignalsBlocked {
public:
    AllSignalsBlocked() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~AllSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

/// The watcher's whole life, after fork() in a process with threads: system calls only, and no signal. It has left
/// qvm's process group, so that neither Ctrl-C nor a kill of the group reaches it, but is still in the session, so that
/// it may ask who has the terminal.
[[noreturn]] void watch_over(int terminal, int qvm, const termios& before, pid_t group) noexcept {
    ::setpgid(0, 0);
    ::prctl(PR_SET_NAME, "qvm-terminal");
    // Nothing of qvm's stays open here but these two: a guest's memory or the end of a pipe must die with qvm.
    if (::dup2(terminal, 0) != 0 || ::dup2(qvm, 1) != 1) ::_exit(1);
    ::syscall(SYS_close_range, 2U, ~0U, 0U);
    char word = 0;
    ssize_t got = 0;
    do {
        got = ::read(1, &word, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {  // qvm is gone and has not said goodbye
        const pid_t foreground = ::tcgetpgrp(0);
        if (foreground <= 0 || foreground == group) ::tcsetattr(0, TCSANOW, &before);
    }
    ::_exit(0);
}

}  // namespace

EscapeKeys::Action EscapeKeys::feed(std::byte key) noexcept {
    if (!after_prefix_) {
        after_prefix_ = key == kPrefix;
        return after_prefix_ ? Action::Swallow : Action::Pass;
    }
    after_prefix_ = false;
    if (key == kPrefix) return Action::Pass;
    if (key == std::byte{'x'}) return Action::End;
    return key == std::byte{'h'} ? Action::Help : Action::Swallow;
}

Terminal::Terminal(VmControl& control, int fd) : control_{control}, fd_{fd} {
    if (saved.exists.exchange(true)) throw HostError{"qvm's terminal has an owner already"};
}

Terminal::~Terminal() {
    if (raw_) {
        restore_mode(fd_, saved.before);
        stop_watcher();
        remove_handlers();
    }
    saved.exists = false;
}

bool Terminal::claim() {
    if (claimed_) return false;
    claimed_ = true;
    termios before{};
    if (::tcgetattr(fd_, &before) != 0) return true;  // no terminal
    background_ = belongs_to_others(fd_);
    if (background_) return true;
    saved.fd = fd_;
    saved.before = before;
    saved.raw = raw_mode(before);
    resized_ = open_resize_signals();
    start_watcher();
    install_handlers();
    raw_ = true;  // from here on the destructor restores
    check("cannot set the terminal to raw mode", ::tcsetattr(fd_, TCSANOW, &saved.raw));
    return true;
}

EscapeKeys::Action Terminal::key(std::byte value) noexcept {
    const EscapeKeys::Action action = keys_.feed(value);
    if (action == EscapeKeys::Action::End) control_.end(EndCause::Forced);
    return action;
}

void Terminal::take_resized() const noexcept {
    signalfd_siginfo info{};
    while (::read(resized_.get(), &info, sizeof info) > 0) {
    }
}

void Terminal::start_watcher() {
    std::array<int, 2> ends{};
    check("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
    UniqueFd ours{ends[0]};
    const UniqueFd theirs{ends[1]};
    const pid_t group = ::getpgrp();
    // Blocked before the fork, so that there is no moment at which qvm's death could take the watcher along.
    const AllSignalsBlocked blocked;
    const pid_t child = check("cannot start the terminal's watcher", ::fork());
    if (child == 0) watch_over(fd_, theirs.get(), saved.before, group);
    ::setpgid(child, child);  // both sides do it; one of them is first
    watcher_ = child;
    to_watcher_ = std::move(ours);
}

void Terminal::stop_watcher() noexcept {
    // If it has been killed, this fails, and that is all right.
    ::send(to_watcher_.get(), "q", 1, MSG_NOSIGNAL);
    to_watcher_ = UniqueFd{};
    ::waitpid(watcher_, nullptr, 0);
    watcher_ = 0;
}

}  // namespace qvm
