// SPDX-License-Identifier: Apache-2.0
// A network device (virtio 1.2, 5.1).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "devices/host/vhost_net.hpp"
#include "devices/virtio/net_control.hpp"

namespace qvm {

struct NetSettings {
    std::string name{};  ///< for messages
    MacAddress mac{};
    std::uint64_t offloads = 0;  ///< `peerfeats`
    std::uint16_t pairs = 1;     ///< of queues
    std::uint16_t mtu = 0;       ///< 0: the driver is told nothing
};

/// The host's end, and the kernel's help with it, if there is any.
struct NetHost {
    std::unique_ptr<NetBackend> backend;
    std::unique_ptr<VhostNet> vhost{};  ///< goes before the back end
};

class VirtioNet final : public VirtioDevice, private NetClient, private NetCommands {
public:
    /// What the context gives must outlive the device.
    VirtioNet(VdevContext& context, const NetSettings& settings, NetHost host);
    ~VirtioNet() override;

    /// After connect(): the back end may begin to talk.
    void plug_in() { host_.backend->attach(*this); }

    [[nodiscard]] std::uint16_t type() const noexcept override { return 1; }
    [[nodiscard]] std::uint32_t pci_class() const noexcept override { return 0x020000; }  // Ethernet controller
    [[nodiscard]] std::uint64_t features() const noexcept override;
    [[nodiscard]] std::uint64_t ring_features() const noexcept override;
    [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override { return queue_sizes_; }
    [[nodiscard]] std::size_t config_size() const noexcept override { return sizeof(NetConfig); }
    void read_config(std::size_t offset, std::span<std::byte> data) noexcept override;
    void write_config(std::size_t offset, std::span<const std::byte> data) noexcept override;

    void start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept override;
    void stop(std::function<void()> stopped) noexcept override;
    void interrupts_moved() noexcept override;

    [[nodiscard]] const NetCounters& counters() const noexcept { return counters_; }

private:
    /// What there is between start() and stop().
    struct Run;

    void receivable(unsigned pair) noexcept override;
    void link_changed() noexcept override { transport().config_changed(); }
    [[nodiscard]] bool set_pairs(unsigned pairs) noexcept override;
    void set_mac(const MacAddress& mac) noexcept override;

    void serve_pairs(const NetContext& context, std::span<QueueEnd* const> queues);
    [[nodiscard]] bool give_to_kernel(const NetContext& context, std::span<QueueEnd* const> queues) noexcept;
    [[nodiscard]] NetConfig config() const noexcept;

    const GuestMemory& memory_;
    EventLoop& loop_;
    Log& log_;
    NetSettings settings_;
    NetCounters counters_;
    std::vector<std::uint16_t> queue_sizes_;
    std::atomic<std::uint64_t> mac_;  ///< the six bytes in memory's order
    std::unique_ptr<Run> run_;
    NetHost host_;  ///< last: as long as it is there it may call
};

}  // namespace qvm
