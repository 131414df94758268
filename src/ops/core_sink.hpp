// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>

namespace qvm {

/// While it lives, this thread gets no SIGPIPE and no SIGXFSZ: a write that fails says so by its result.
class WriteSignalsHeld {
public:
    WriteSignalsHeld() noexcept;
    ~WriteSignalsHeld();
    WriteSignalsHeld(const WriteSignalsHeld&) = delete;
    WriteSignalsHeld& operator=(const WriteSignalsHeld&) = delete;

private:
    sigset_t before_{};
};

/// Where a dump's bytes go, in order. Does not own the descriptor. One thread, with WriteSignalsHeld.
class CoreSink {
public:
    enum class Kind {
        File,   ///< pages of zeros become holes
        Stream  ///< a pipe that does not block: each byte is written
    };
    /// A stream whose reader takes nothing for `patience` milliseconds is given up.
    CoreSink(int fd, Kind kind, int patience) noexcept : fd_{fd}, kind_{kind}, patience_{patience} {}

    /// Both: false if it failed, and error() says why. After a failure nothing more is written.
    [[nodiscard]] bool data(std::span<const std::byte> bytes) noexcept;
    [[nodiscard]] bool zeros(std::uint64_t length) noexcept;
    /// After the last byte: a file may end with a hole.
    [[nodiscard]] bool finish() noexcept;

    /// An errno value; ETIMEDOUT for a reader that was given up.
    [[nodiscard]] int error() const noexcept { return error_; }
    /// Bytes so far, holes included.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

private:
    [[nodiscard]] bool write_all(std::span<const std::byte> bytes) noexcept;
    [[nodiscard]] bool wait_for_reader() noexcept;
    [[nodiscard]] bool fail(int error) noexcept;

    int fd_;
    Kind kind_;
    int patience_;
    int error_ = 0;
    std::uint64_t size_ = 0;
};

}  // namespace qvm
