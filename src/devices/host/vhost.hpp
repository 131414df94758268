// SPDX-License-Identifier: Apache-2.0
// Devices whose rings the kernel serves (vhost). What is special to a kind, networks or vsock, is with that kind.
// Source: include/uapi/linux/vhost.h and drivers/vhost/vhost.c of Linux 6.1.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "devices/virtio/virtio_device.hpp"
#include "vmm/event_fd.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// One open /dev/vhost-*. After set-up its calls belong to the loop's thread.
class Vhost {
public:
    /// What the kernel can do with rings, of VirtioDevice::ring_features(): it knows split ones only.
    static constexpr std::uint64_t kRingFeatures = virtio_feature::kIndirectDesc | virtio_feature::kEventIdx;

    /// Opens `path` and makes this process its owner. Throws HostError.
    explicit Vhost(const std::string& path);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] std::uint64_t features() const noexcept { return features_; }

    /// Before rings are started: what was negotiated, less what the kernel need not know, and where the guest's RAM is.
    /// False with errno if the kernel refuses.
    [[nodiscard]] bool prepare(std::uint64_t negotiated, const GuestMemory& memory) const noexcept;

private:
    UniqueFd fd_;
    std::uint64_t features_ = 0;
};

/// One ring while the kernel serves it: from the kick by the guest to the interrupt. On the loop's thread.
class VhostRing {
public:
    /// All must outlive the ring. `broken` runs when the kernel gives the ring up because of what the driver did.
    VhostRing(const Vhost& device, unsigned index, QueueEnd& end, EventLoop& loop, std::function<void()> broken);
    /// Whoever gave the ring something to do has taken that back before: the kernel uses it no more.
    ~VhostRing();
    VhostRing(const VhostRing&) = delete;
    VhostRing& operator=(const VhostRing&) = delete;

    /// Begins at available index `base`. False with errno if the kernel refuses, or if the ring is not in RAM.
    [[nodiscard]] bool start(const GuestMemory& memory, std::uint16_t base) noexcept;
    /// See VirtioDevice::interrupts_moved().
    void interrupts_moved() noexcept;
    /// The available index that is next.
    [[nodiscard]] std::uint16_t base() const noexcept;

private:
    [[nodiscard]] bool set_addresses(const GuestMemory& memory) const noexcept;
    [[nodiscard]] bool set_file(unsigned long request, int fd) const noexcept;
    [[nodiscard]] bool set_call() noexcept;

    int device_;
    unsigned index_;
    QueueEnd& end_;
    EventFd call_;  ///< for a transport that has no eventfd for interrupts
    EventFd error_;
    Watch called_;
    Watch failed_;
};

}  // namespace qvm
