// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "devices/host/net_backend.hpp"
#include "devices/host/one_shot.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// A TAP interface of the host. Source: Documentation/networking/tuntap.rst and drivers/net/tun.c of Linux 6.1.
class Tap final : public NetBackend {
public:
    /// Attaches to the interface `name`, or makes it: then it is brought up, and goes with this object. Several `pairs`
    /// take an interface with several queues, of which the first one is in use. Throws HostError that says what to do.
    Tap(EventLoop& loop, const std::string& name, unsigned pairs);

    /// The interface's queue of a pair, for vhost-net.
    [[nodiscard]] int fd(unsigned pair) const noexcept { return queues_[pair]->fd.get(); }

    [[nodiscard]] std::uint64_t offloads() const noexcept override { return net_offloads_; }
    [[nodiscard]] bool link_up() const noexcept override { return there_.load(std::memory_order_relaxed); }
    void attach(NetClient& client) override { client_ = &client; }
    void use(std::uint64_t features, unsigned pairs) noexcept override;
    [[nodiscard]] Sent send(unsigned pair, std::span<const iovec> frame) noexcept override;
    [[nodiscard]] std::optional<std::size_t> receive(unsigned pair, std::span<const iovec> room) noexcept override;
    void wait(unsigned pair) noexcept override;

private:
    struct Queue {
        Queue(EventLoop& loop, UniqueFd tap, std::function<void()> ready)
            : fd{std::move(tap)}, readable{loop, std::move(ready)} {}
        UniqueFd fd;
        bool in_use = true;       ///< attached: the interface gives it frames
        bool waited_for = false;  ///< wait() was called and has not been answered
        OneShot readable;         ///< last: gone before the descriptor that it waits for
    };

    void set_in_use(Queue& queue, bool in_use) noexcept;
    [[nodiscard]] bool is_fit(const iovec& first) const noexcept;
    void gone() noexcept;

    std::uint64_t net_offloads_ = 0;
    std::uint64_t features_ = 0;  ///< of the guest's driver
    NetClient* client_ = nullptr;
    std::atomic<bool> there_{true};
    std::vector<std::unique_ptr<Queue>> queues_;
};

}  // namespace qvm
