// SPDX-License-Identifier: Apache-2.0
// The host's end of a character vdev.
#pragma once

#include <cstddef>
#include <span>

namespace qvm {

/// The device side of a CharPort. All calls come on the event loop's thread, never while put() or resume_input() runs
/// on it.
class CharClient {
public:
    virtual ~CharClient() = default;
    /// Input from the host. Returns how many bytes were taken; if that is fewer than offered, the port keeps the rest
    /// and stops reading until resume_input().
    virtual std::size_t receive(std::span<const std::byte> data) noexcept = 0;
    /// Output that was refused by put() would now be taken.
    virtual void writable() noexcept = 0;
};

/// A character stream that never blocks its caller.
class CharPort {
public:
    virtual ~CharPort() = default;
    /// Starts input. Once, before anything else; the client must outlive the port's last call, that is, the port is
    /// destroyed first.
    virtual void attach(CharClient& client) = 0;
    /// Queues one byte of output; false if the queue is full, and then writable() follows. From any thread.
    [[nodiscard]] virtual bool put(std::byte value) noexcept = 0;
    /// The client can take input again. From any thread.
    virtual void resume_input() noexcept = 0;
};

}  // namespace qvm
