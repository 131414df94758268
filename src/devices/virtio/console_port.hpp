// SPDX-License-Identifier: Apache-2.0
// One port of a virtio console: two queues and a host's end (virtio 1.2, 5.3).
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "devices/host/char_port.hpp"
#include "devices/virtio/served_queue.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// All but what is said otherwise is called on the loop's thread.
class ConsolePort final : public CharClient {
public:
    struct Identity {
        std::string name;           ///< empty for the console
        std::string label;          ///< for messages
        bool present = true;        ///< false: the driver of several ports is not told of it
        bool backpressure = false;  ///< what the host does not take stays in the guest
    };
    struct Events {
        std::function<void()> connection;
        std::function<void()> size;
        std::function<void(std::string_view)> broken;  ///< the driver has broken a queue
    };
    ConsolePort(Log& log, Identity identity, std::unique_ptr<CharPort> host, Events events);

    [[nodiscard]] const Identity& identity() const noexcept { return identity_; }
    [[nodiscard]] bool is_console() const noexcept { return identity_.name.empty(); }
    /// Somebody is at the host's end.
    [[nodiscard]] bool is_connected() const noexcept { return connected_; }
    /// From any thread. Zeros: not known.
    [[nodiscard]] TerminalSize size() const noexcept {
        return std::bit_cast<TerminalSize>(size_.load(std::memory_order_relaxed));
    }

    /// The host's end works from now on. On the main thread, once.
    void attach();
    void start(EventLoop& loop, const GuestMemory& memory, QueueEnd& receive, QueueEnd& transmit);
    void stop() noexcept;
    /// A program of the guest has opened the port. Before that, input waits.
    void set_open(bool open) noexcept;
    /// From any thread.
    void emergency_write(std::byte value) noexcept;

    std::size_t receive(std::span<const std::byte> data) noexcept override;
    void writable() noexcept override;
    void connected(bool somebody) noexcept override;
    void resized(TerminalSize size) noexcept override;

private:
    void transmit() noexcept;
    [[nodiscard]] bool take_next() noexcept;
    [[nodiscard]] std::size_t send(std::size_t most) noexcept;
    void finish() noexcept;
    void check(const ServedQueue& queue) noexcept;

    Identity identity_;
    Events events_;
    GuestFault lost_;
    GuestFault senseless_;
    std::atomic<std::uint32_t> size_{};  ///< a TerminalSize; as a word, which needs no library to be atomic
    bool connected_ = false;

    bool open_ = false;
    std::optional<ServedQueue> receive_;
    std::optional<ServedQueue> transmit_;
    Chain sending_;  // of transmit_
    std::size_t sent_ = 0;
    bool full_ = false;  // until writable()

    std::unique_ptr<CharPort> host_;  // last: gone before anything that its calls touch
};

}  // namespace qvm
