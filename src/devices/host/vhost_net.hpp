// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "devices/host/tap.hpp"
#include "devices/host/vhost.hpp"

namespace qvm {

/// Frames between a driver's queues and a TAP by the kernel alone (vhost-net): one device of the kernel's, with a
/// thread of its own, for each pair. Source: drivers/vhost/net.c of Linux 6.1.
class VhostNet {
public:
    static constexpr const char* kDevice = "/dev/vhost-net";

    /// `loop` and `tap` must outlive it. Throws HostError.
    VhostNet(EventLoop& loop, const Tap& tap, unsigned pairs);
    ~VhostNet();
    VhostNet(const VhostNet&) = delete;
    VhostNet& operator=(const VhostNet&) = delete;

    [[nodiscard]] std::uint64_t features() const noexcept { return pairs_.front().device.features(); }

    /// Takes over the pairs in `queues` that the driver has enabled from the first one on, and moves frames for one
    /// pair; `broken` runs when the kernel gives up because of what the driver did. False, with errno and nothing done,
    /// if the kernel refuses or if there is no such pair. From here on calls belong to the loop's thread.
    [[nodiscard]] bool start(std::uint64_t features, const GuestMemory& memory, std::span<QueueEnd* const> queues,
                             const std::function<void()>& broken) noexcept;
    /// Moves frames for that many pairs.
    void use(unsigned pairs) noexcept;
    void interrupts_moved() noexcept;
    /// Afterwards the kernel touches neither queues nor guest memory.
    void stop() noexcept;

private:
    static constexpr unsigned kRings = 2;  ///< 0 receives, 1 sends
    static constexpr int kNoBackend = -1;

    struct Pair {
        Vhost device;
        int tap;
        bool active = false;
        std::vector<std::unique_ptr<VhostRing>> rings{};
    };
    [[nodiscard]] bool start(Pair& pair, std::span<QueueEnd* const> queues, const GuestMemory& memory,
                             const std::function<void()>& broken) noexcept;
    [[nodiscard]] bool give_up(int error) noexcept;
    [[nodiscard]] static bool set_active(Pair& pair, bool active) noexcept;
    [[nodiscard]] static bool set_backend(const Pair& pair, int tap) noexcept;

    EventLoop& loop_;
    std::vector<Pair> pairs_;
};

}  // namespace qvm
