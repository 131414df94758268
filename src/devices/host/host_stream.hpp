// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <termios.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "devices/host/char_port.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// A host descriptor that is read and written without ever waiting, and without changing what it shares with other
/// processes: O_NONBLOCK belongs to the open file, so setting it on an inherited stdin or stdout would break the shell
/// that qvm was started from.
class HostStream {
public:
    enum class Use : std::uint8_t { Input, Output };

    /// `fd` is ours alone; it becomes non-blocking.
    explicit HostStream(UniqueFd fd);
    /// `fd` is inherited and stays open. Terminals and pipes are opened anew by /proc/self/fd, sockets are used with
    /// MSG_DONTWAIT, and regular files never make anyone wait. What cannot be opened anew (no /proc, no permission) is
    /// polled first and then used in small pieces, which can still wait when another process is faster.
    HostStream(int fd, Use use);
    ~HostStream();
    HostStream(const HostStream&) = delete;
    HostStream& operator=(const HostStream&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    /// As read(2) and write(2): -1 and errno, EAGAIN when it would have to wait.
    [[nodiscard]] std::ptrdiff_t read(std::span<std::byte> data) const noexcept;
    [[nodiscard]] std::ptrdiff_t write(std::span<const std::byte> data) const noexcept;

    /// A regular file.
    [[nodiscard]] bool is_file() const noexcept;
    /// Nothing if it is no terminal, or one that does not know.
    [[nodiscard]] std::optional<TerminalSize> terminal_size() const noexcept;

    /// If it is a terminal: passes bytes unchanged until destruction.
    void make_raw() noexcept;

private:
    enum class Way : std::uint8_t { Plain, Socket, Polled };

    UniqueFd owned_;
    int fd_;
    Way way_ = Way::Plain;
    std::optional<termios> saved_{};
};

}  // namespace qvm
