// SPDX-License-Identifier: Apache-2.0
// virtio-console (virtio 1.2, 5.3): a console, and named ports beside it.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "devices/virtio/console_control.hpp"
#include "devices/virtio/console_port.hpp"
#include "devices/virtio/virtio_device.hpp"

namespace qvm {

class Console final : public VirtioDevice {
public:
    /// Throws ConfigError. Both arguments but `spec` must outlive it.
    Console(const VdevSpec& spec, VdevContext& context);

    /// The VM is about to run: the host ends work from now on. On the main thread, once.
    void attach();

    [[nodiscard]] std::uint16_t type() const noexcept override { return 3; }
    /// Communication controller, other.
    [[nodiscard]] std::uint32_t pci_class() const noexcept override { return 0x078000; }
    [[nodiscard]] std::uint64_t features() const noexcept override;
    [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override { return queue_sizes_; }
    [[nodiscard]] std::size_t config_size() const noexcept override;
    void read_config(std::size_t offset, std::span<std::byte> data) noexcept override;
    void write_config(std::size_t offset, std::span<const std::byte> data) noexcept override;

    void start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept override;
    void stop(std::function<void()> stopped) noexcept override;

private:
    void add(VdevContext& context, ConsolePort::Identity identity, std::span<const OptionValue> options);
    void resized(std::size_t port) noexcept;

    EventLoop& loop_;
    const GuestMemory& memory_;
    std::vector<std::uint16_t> queue_sizes_;
    bool multiport_ = false;  // the loop's thread
    std::optional<ConsoleControl> control_;
    std::deque<ConsolePort> ports_;  // last: their host ends go before what they call
};

}  // namespace qvm
