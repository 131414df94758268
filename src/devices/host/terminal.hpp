// SPDX-License-Identifier: Apache-2.0
// The terminal that qvm was started on: raw while the guest has it, and always put back.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vmm/end_cause.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// Finds qvm's own keys in what the user types.
class EscapeKeys {
public:
    static constexpr std::byte kPrefix{0x01};  ///< Ctrl-A
    enum class Action : std::uint8_t {
        Pass,     ///< the key is the guest's
        Swallow,  ///< part of a sequence
        End,      ///< Ctrl-A x
        Help,     ///< Ctrl-A h
    };
    [[nodiscard]] Action feed(std::byte key) noexcept;

private:
    bool after_prefix_ = false;
};

/// Owner of stdin. At most one exists. Nothing happens until somebody claims it.
///
/// The terminal is put back by destruction, by a handler of the signals that kill (SIGSEGV, SIGBUS, SIGABRT, SIGFPE,
/// SIGILL, SIGHUP), and, should qvm die without running any code, by a watcher: a forked child that sleeps until the
/// socket to qvm closes. If the watcher is killed, qvm goes on and still puts the terminal back itself.
class Terminal {
public:
    static constexpr std::string_view kHelp =
        "\r\nqvm keys: Ctrl-A x  end this VM at once\r\n"
        "          Ctrl-A h  this help\r\n"
        "          Ctrl-A Ctrl-A  send one Ctrl-A to the guest\r\n";

    /// Throws HostError if there is one already.
    explicit Terminal(VmControl& control, int fd = 0);
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    /// Takes the descriptor for one reader; false if it is taken. Sets raw mode if it is a terminal and qvm is in its
    /// foreground. Throws HostError.
    [[nodiscard]] bool claim();

    [[nodiscard]] int fd() const noexcept { return fd_; }
    /// Raw mode is on; then every key goes through key().
    [[nodiscard]] bool raw() const noexcept { return raw_; }
    /// A terminal, but another process group is in its foreground, so there is nothing to read for us.
    [[nodiscard]] bool in_background() const noexcept { return background_; }
    /// Judges one key; ends the VM on Ctrl-A x. On one thread at a time.
    [[nodiscard]] EscapeKeys::Action key(std::byte value) noexcept;
    /// Becomes readable when the terminal has got another size, if all threads of the process block SIGWINCH; -1 unless
    /// raw mode is on.
    [[nodiscard]] int resized_fd() const noexcept { return resized_.get(); }
    /// Until the next change, resized_fd() is not readable.
    void take_resized() const noexcept;
    /// Process id of the watcher; 0 if there is none.
    [[nodiscard]] pid_t watcher() const noexcept { return watcher_; }

private:
    void start_watcher();
    void stop_watcher() noexcept;

    VmControl& control_;
    int fd_;
    bool claimed_ = false;
    bool raw_ = false;
    bool background_ = false;
    EscapeKeys keys_;
    pid_t watcher_ = 0;
    UniqueFd to_watcher_;
    UniqueFd resized_;
};

}  // namespace qvm
