// SPDX-License-Identifier: Apache-2.0
// The control queues of a virtio console with several ports (virtio 1.2, 5.3.6.2).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "devices/virtio/console_port.hpp"
#include "devices/virtio/served_queue.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// Tells the driver of the ports, and the ports what the driver says. What is to be told is a set and no list: however
/// long the driver does not listen, there is one thing of each kind to say about a port, and that as it is by then.
/// On the loop's thread.
class ConsoleControl {
public:
    enum class Topic : std::uint8_t { Added, IsConsole, Name, Open, Size };

    /// `label` is for messages; `broken` hears that the driver has broken a queue.
    ConsoleControl(Log& log, const std::string& label, std::deque<ConsolePort>& ports,
                   std::function<void(std::string_view)> broken);

    void start(EventLoop& loop, const GuestMemory& memory, QueueEnd& to_driver, QueueEnd& from_driver);
    void stop() noexcept;
    /// Something about a port is not as the driver knows it.
    void changed(std::size_t port, Topic topic) noexcept;

private:
    struct Due {
        std::size_t port;
        Topic topic;
    };
    struct Known {
        bool ready = false;    ///< the driver has set it up
        std::uint8_t due = 0;  ///< a bit for each topic
    };

    void hear() noexcept;
    void handle(const Chain& chain) noexcept;
    void handle_device_ready(std::uint16_t value) noexcept;
    void handle_port_ready(std::size_t port, std::uint16_t value) noexcept;
    void set_due(std::size_t port, Topic topic) noexcept;
    void tell() noexcept;
    [[nodiscard]] std::optional<Due> next_due() const noexcept;
    [[nodiscard]] std::size_t compose(Due due, std::span<std::byte> message) const noexcept;
    void check(const ServedQueue& queue) noexcept;

    Log& log_;
    std::string label_;
    std::deque<ConsolePort>& ports_;
    std::function<void(std::string_view)> broken_;
    GuestFault senseless_;
    std::vector<Known> known_;
    std::optional<ServedQueue> to_driver_;
    std::optional<ServedQueue> from_driver_;
};

}  // namespace qvm
