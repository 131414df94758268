// SPDX-License-Identifier: Apache-2.0
// The host's end of a character vdev.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace qvm {

/// In characters.
struct TerminalSize {
    std::uint16_t columns = 0;
    std::uint16_t rows = 0;
    bool operator==(const TerminalSize&) const noexcept = default;
};

/// The device side of a CharPort. All calls come on the event loop's thread, never while write() or resume_input() runs
/// on it.
class CharClient {
public:
    virtual ~CharClient() = default;
    /// Input from the host. Returns how many bytes were taken; if that is fewer than offered, the port keeps the rest
    /// and stops reading until resume_input().
    virtual std::size_t receive(std::span<const std::byte> data) noexcept = 0;
    /// Output that was refused by write() would now be taken.
    virtual void writable() noexcept = 0;
    /// Whether anybody is at the host's end; nobody is before the first call.
    virtual void connected(bool /*somebody*/) noexcept {}
    /// The host's end is a terminal, and this is its size.
    virtual void resized(TerminalSize /*size*/) noexcept {}
};

/// A character stream that never blocks its caller.
class CharPort {
public:
    virtual ~CharPort() = default;
    /// Starts input. Once, before anything else; the client must outlive the port's last call, that is, the port is
    /// destroyed first.
    virtual void attach(CharClient& client) = 0;
    /// The guest has begun to use the device: what is `delayed` is opened now. From any thread; only the first call
    /// counts.
    virtual void use() noexcept {}
    /// Queues output. Returns how many bytes were taken; if that is fewer than offered, the queue is full, and
    /// writable() follows. From any thread.
    [[nodiscard]] virtual std::size_t write(std::span<const std::byte> data) noexcept = 0;
    /// The client can take input again. From any thread.
    virtual void resume_input() noexcept = 0;

    /// One byte of output; false if the queue is full.
    [[nodiscard]] bool put(std::byte value) noexcept { return write({&value, 1}) == 1; }
};

}  // namespace qvm
