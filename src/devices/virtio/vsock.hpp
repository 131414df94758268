// SPDX-License-Identifier: Apache-2.0
// Sockets between guest and host (virtio 1.2, 5.10), by Unix sockets of the host.
#pragma once

#include <optional>
#include <string>

#include "devices/virtio/served_queue.hpp"
#include "devices/virtio/vsock_hub.hpp"

namespace qvm {

/// 5.10.2 to 5.10.4, whoever serves it.
class VsockDevice : public VirtioDevice {
public:
    explicit VsockDevice(std::uint64_t guest_cid) : guest_cid_{guest_cid} {}

    [[nodiscard]] std::uint16_t type() const noexcept override { return 19; }
    [[nodiscard]] std::uint32_t pci_class() const noexcept override { return 0x028000; }  // other network controller
    [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override;
    [[nodiscard]] std::size_t config_size() const noexcept override { return sizeof guest_cid_; }
    void read_config(std::size_t offset, std::span<std::byte> data) noexcept override;

protected:
    enum Queue : std::uint8_t { kReceive, kTransmit, kEvent };

private:
    const std::uint64_t guest_cid_;
};

class UnixVsock final : public VsockDevice {
public:
    /// `path`: see VsockHub. What the context gives must outlive the device. Throws HostError.
    UnixVsock(VdevContext& context, const std::string& name, std::uint64_t guest_cid, std::string path);

    [[nodiscard]] std::uint64_t features() const noexcept override { return 1; }  // VIRTIO_VSOCK_F_STREAM
    void start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept override;
    void stop(std::function<void()> stopped) noexcept override;

    [[nodiscard]] VsockCounters& counters() noexcept { return hub_.counters(); }

private:
    void transmit() noexcept;
    void receive() noexcept;
    [[nodiscard]] bool next_buffer() noexcept;
    void finish_turn(ServedQueue& queue) noexcept;

    const GuestMemory& memory_;
    EventLoop& loop_;
    VsockHub hub_;
    bool held_back_ = false;  ///< packets wait in the transmit queue until the guest has taken answers
    std::optional<Chain> buffer_{};
    std::optional<ServedQueue> rx_{};
    std::optional<ServedQueue> tx_{};
};

}  // namespace qvm
