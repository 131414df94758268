// SPDX-License-Identifier: Apache-2.0
// A program under test as a real process: what it is given, what it says, how it ends. Waits on events only, and
// never longer than the time limit.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <chrono>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/temp_dir.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm::test {

/// What a child sees at /dev/kvm.
enum class KvmNode {
    AsIs,
    Missing,    ///< an empty /dev
    Forbidden,  ///< a node that only root may open, and the child is nobody
};

/// Why children cannot be given anything else than KvmNode::AsIs here; nothing if they can.
[[nodiscard]] std::optional<std::string> why_no_private_dev();

/// What a child's standard input and output are. Standard error is always a pipe.
enum class Console { Pipes, Terminal };

struct ChildOptions {
    KvmNode kvm = KvmNode::AsIs;
    Console console = Console::Pipes;
    std::chrono::seconds limit{30};
};

/// How a process ended: an exit code, or a signal's negated number.
struct Ending {
    int code = 0;
    bool operator==(const Ending&) const = default;
};
std::ostream& operator<<(std::ostream& out, Ending ending);

class Child {
public:
    explicit Child(const std::vector<std::string>& command, ChildOptions options = {});
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    void send(std::string_view input) const;
    void signal(int number) const;
    /// Until `text` was written to standard output (to the terminal, if it has one). Throws at the time limit or when
    /// the child ends without having said it.
    void wait_for(std::string_view text) { wait_until_said(out_, text, 1); }
    /// The same for standard error, and until it has been said so often.
    void wait_for_error(std::string_view text, unsigned times = 1) { wait_until_said(err_, text, times); }
    /// Until the child has ended; all that it wrote has been read then. Throws at the time limit.
    Ending wait();
    /// Until no process has the terminal open any more.
    void wait_for_hangup();

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] const std::string& out() const noexcept { return out_; }
    [[nodiscard]] const std::string& err() const noexcept { return err_; }
    /// The settings of Console::Terminal, now and before the child started.
    [[nodiscard]] termios terminal() const;
    [[nodiscard]] const termios& terminal_before() const noexcept { return terminal_before_; }

private:
    void start_with_pipes(const std::vector<std::string>& command);
    void start_on_terminal(const std::vector<std::string>& command);
    void wait_until_said(const std::string& where, std::string_view text, unsigned times);
    void pump();
    void drain();
    [[nodiscard]] int milliseconds_left() const;
    [[noreturn]] void give_up(const std::string& what) const;

    ChildOptions options_;
    std::chrono::steady_clock::time_point deadline_;
    pid_t pid_ = -1;
    pid_t session_leader_ = -1;  // of the terminal
    bool reaped_ = false;
    UniqueFd alive_;  // a pidfd: readable once the child has ended
    UniqueFd in_;     // the terminal's master side in both roles, if there is one
    UniqueFd out_end_;
    UniqueFd err_end_;
    std::string out_;
    std::string err_;
    termios terminal_before_{};
};

}  // namespace qvm::test
