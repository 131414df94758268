// SPDX-License-Identifier: Apache-2.0
#include "kvm/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "vmm/error.hpp"

namespace qvm::test {
namespace {

constexpr uid_t kNobody = 65534;
const dev_t kKvmDevice = makedev(10, 232);

struct Pipe {
    UniqueFd read;
    UniqueFd write;
};

Pipe make_pipe() {
    std::array<int, 2> ends{};
    check("pipe2", ::pipe2(ends.data(), O_CLOEXEC));
    return {UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

void do_not_block(const UniqueFd& fd) {
    check("fcntl", ::fcntl(fd.get(), F_SETFL, check("fcntl", ::fcntl(fd.get(), F_GETFL)) | O_NONBLOCK));
}

// Everything up to exec_program() below runs in the child after fork(): nothing there may throw or allocate.

[[noreturn]] void child_failed(const char* what) {
    std::perror(what);
    ::_exit(127);
}

void or_fail(const char* what, long result) {
    if (result < 0) child_failed(what);
}

void become_nobody() {
    or_fail("setgroups", ::setgroups(0, nullptr));
    or_fail("setgid", ::setgid(kNobody));
    or_fail("setuid", ::setuid(kNobody));
}

/// An empty /dev that only this process and its children see.
bool hide_dev() {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("tmpfs", "/dev", "tmpfs", 0, "mode=755") == 0;
}

/// Where a container may not make device nodes, a file that cannot be opened gives the same error.
void make_forbidden_node() {
    if (::mknod("/dev/kvm", S_IFCHR | 0600, kKvmDevice) == 0) return;
    or_fail("mknod", ::mknod("/dev/kvm", S_IFREG | 0600, 0));
}

void arrange_kvm(KvmNode node) {
    if (node == KvmNode::AsIs) return;
    if (!hide_dev()) child_failed("a /dev of its own");
    if (node == KvmNode::Missing) return;
    make_forbidden_node();
    become_nobody();
}

void use_stdio(int in, int out, int err) {
    or_fail("dup2", ::dup2(in, STDIN_FILENO));
    or_fail("dup2", ::dup2(out, STDOUT_FILENO));
    or_fail("dup2", ::dup2(err, STDERR_FILENO));
}

/// By descriptor: nobody may be unable to walk to where the program was built.
[[noreturn]] void exec_program(int program, char* const* arguments) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::fexecve(program, arguments, environ);
    child_failed("exec");
}

/// What a shell does for its jobs: owns the terminal. Were qvm the leader itself, its end would hang the terminal up,
/// and that resets the terminal's settings whether qvm has restored them or not.
void lead_session(int terminal) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    or_fail("setsid", ::setsid());
    or_fail("TIOCSCTTY", ::ioctl(terminal, TIOCSCTTY, 0));
}

/// A process of the caller's session, but a child of the caller's parent, who is to learn how it ends.
pid_t fork_sibling() {
    const long pid = ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    or_fail("clone", pid);
    return static_cast<pid_t>(pid);
}

/// Holds nothing open meanwhile.
[[noreturn]] void wait_to_be_killed() {
    ::close_range(STDERR_FILENO + 1, ~0U, 0);
    while (true) ::pause();
}

struct Program {
    explicit Program(const std::vector<std::string>& command)
        : file{check(command.at(0).c_str(), ::open(command.at(0).c_str(), O_PATH | O_CLOEXEC))}, words{command} {
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
    }
    UniqueFd file;
    std::vector<std::string> words;
    std::vector<char*> arguments;
};

void kill_and_reap(pid_t pid) noexcept {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
}

/// False once there is nothing more to come.
bool read_some(UniqueFd& fd, std::string& into) {
    std::array<char, 4096> buffer;
    while (true) {
        const auto count = ::read(fd.get(), buffer.data(), buffer.size());
        if (count > 0) {
            into.append(buffer.data(), static_cast<std::size_t>(count));
            continue;
        }
        if (count < 0 && errno == EAGAIN) return true;
        fd = UniqueFd{};  // end of file, or EIO from a terminal that nobody has open
        return false;
    }
}

}  // namespace

std::optional<std::string> why_no_private_dev() {
    if (::geteuid() != 0) return "only root can give a child another /dev";
    const pid_t pid = check("fork", ::fork());
    if (pid == 0) ::_exit(hide_dev() ? 0 : 1);
    int status = 0;
    check("waitpid", ::waitpid(pid, &status, 0));
    if (status != 0) return "this machine allows no mount in a namespace of its own";
    return std::nullopt;
}

std::ostream& operator<<(std::ostream& out, Ending ending) {
    if (ending.code < 0) return out << "signal " << -ending.code;
    return out << "exit code " << ending.code;
}

Child::Child(const std::vector<std::string>& command, ChildOptions options)
    : options_{options}, deadline_{std::chrono::steady_clock::now() + options.limit} {
    if (options.console == Console::Terminal) {
        start_on_terminal(command);
    } else {
        start_with_pipes(command);
    }
    alive_ = UniqueFd{check("pidfd_open", static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)))};
    do_not_block(out_end_);
    do_not_block(err_end_);
}

Child::~Child() {
    if (!reaped_) kill_and_reap(pid_);
    kill_and_reap(session_leader_);
}

void Child::start_with_pipes(const std::vector<std::string>& command) {
    Program program{command};
    Pipe in = make_pipe();
    Pipe out = make_pipe();
    Pipe err = make_pipe();
    pid_ = check("fork", ::fork());
    if (pid_ == 0) {
        use_stdio(in.read.get(), out.write.get(), err.write.get());
        arrange_kvm(options_.kvm);
        exec_program(program.file.get(), program.arguments.data());
    }
    in_ = std::move(in.write);
    out_end_ = std::move(out.read);
    err_end_ = std::move(err.read);
}

void Child::start_on_terminal(const std::vector<std::string>& command) {
    Program program{command};
    in_ = UniqueFd{check("posix_openpt", ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC))};
    check("grantpt", ::grantpt(in_.get()));
    check("unlockpt", ::unlockpt(in_.get()));
    // Opened here so that the terminal exists, with its settings, before the child changes them.
    const UniqueFd slave{check("ptsname", ::open(::ptsname(in_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC))};
    terminal_before_ = terminal();
    Pipe err = make_pipe();
    Pipe report = make_pipe();
    session_leader_ = check("fork", ::fork());
    if (session_leader_ == 0) {
        lead_session(slave.get());
        const pid_t pid = fork_sibling();
        if (pid == 0) {
            use_stdio(slave.get(), slave.get(), err.write.get());
            arrange_kvm(options_.kvm);
            exec_program(program.file.get(), program.arguments.data());
        }
        or_fail("write", ::write(report.write.get(), &pid, sizeof pid));
        wait_to_be_killed();
    }
    check("read", ::read(report.read.get(), &pid_, sizeof pid_));
    out_end_ = UniqueFd{check("dup", ::fcntl(in_.get(), F_DUPFD_CLOEXEC, 0))};
    err_end_ = std::move(err.read);
}

void Child::send(std::string_view input) const {
    while (!input.empty()) {
        const auto count = check("write", ::write(in_.get(), input.data(), input.size()));
        input.remove_prefix(static_cast<std::size_t>(count));
    }
}

void Child::signal(int number) const {
    check("pidfd_send_signal", ::syscall(SYS_pidfd_send_signal, alive_.get(), number, nullptr, 0));
}

int Child::milliseconds_left() const {
    using std::chrono::milliseconds;
    const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - std::chrono::steady_clock::now());
    return static_cast<int>(std::max(left, milliseconds{0}).count());
}

void Child::give_up(const std::string& what) const {
    throw std::runtime_error{what + "\n--- standard output:\n" + out_ + "\n--- standard error:\n" + err_};
}

/// One wait: for output, or for the end of the child.
void Child::pump() {
    std::array<pollfd, 3> fds{pollfd{alive_.get(), POLLIN, 0}, pollfd{out_end_.get(), POLLIN, 0},
                              pollfd{err_end_.get(), POLLIN, 0}};
    if (check("poll", ::poll(fds.data(), fds.size(), milliseconds_left())) == 0) give_up("time limit reached");
    drain();
}

void Child::drain() {
    if (out_end_) read_some(out_end_, out_);
    if (err_end_) read_some(err_end_, err_);
}

void Child::wait_until_said(const std::string& where, std::string_view text, unsigned times) {
    const auto said = [&] {
        std::size_t at = 0;
        for (unsigned left = times; left != 0; --left, at += text.size())
            if (at = where.find(text, at); at == std::string::npos) return false;
        return true;
    };
    while (!said()) {
        pollfd ended{alive_.get(), POLLIN, 0};
        if (::poll(&ended, 1, 0) == 0) {
            pump();
            continue;
        }
        drain();
        if (!said()) give_up("ended without saying '" + std::string{text} + "'");
    }
}

Ending Child::wait() {
    siginfo_t info{};
    while (true) {
        info.si_pid = 0;
        check("waitid", ::waitid(P_PIDFD, static_cast<id_t>(alive_.get()), &info, WEXITED | WNOHANG));
        if (info.si_pid != 0) break;
        pump();
    }
    reaped_ = true;
    drain();
    return {info.si_code == CLD_EXITED ? info.si_status : -info.si_status};
}

void Child::wait_for_hangup() {
    while (out_end_) {
        pollfd end{out_end_.get(), POLLIN, 0};
        if (check("poll", ::poll(&end, 1, milliseconds_left())) == 0) give_up("the terminal is still in use");
        drain();
    }
}

termios Child::terminal() const {
    termios settings{};
    check("tcgetattr", ::tcgetattr(in_.get(), &settings));
    return settings;
}

}  // namespace qvm::test
