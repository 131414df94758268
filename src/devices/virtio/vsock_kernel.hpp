// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "devices/host/vhost.hpp"
#include "devices/virtio/vsock.hpp"

namespace qvm {

/// A guest's sockets whose other ends are the host's own AF_VSOCK sockets: the kernel serves the queues (vhost-vsock).
/// Source: drivers/vhost/vsock.c of Linux 6.1.
class KernelVsock final : public VsockDevice {
public:
    static constexpr const char* kPath = "/dev/vhost-vsock";

    /// What the context gives must outlive the device. Throws HostError.
    KernelVsock(VdevContext& context, std::string name, std::uint64_t guest_cid);
    ~KernelVsock() override;

    [[nodiscard]] std::uint64_t features() const noexcept override;
    [[nodiscard]] std::uint64_t ring_features() const noexcept override;
    void start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept override;
    void stop(std::function<void()> stopped) noexcept override;
    void interrupts_moved() noexcept override;

private:
    [[nodiscard]] bool start_rings(std::span<QueueEnd* const> queues) noexcept;
    [[nodiscard]] bool run(bool on) const noexcept;

    const GuestMemory& memory_;
    EventLoop& loop_;
    Log& log_;
    const std::string name_;
    Vhost device_;
    std::vector<std::unique_ptr<VhostRing>> rings_{};
};

}  // namespace qvm
