// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "devices/virtio/net_queues.hpp"

namespace qvm {

using MacAddress = std::array<std::uint8_t, 6>;

/// What the driver's commands do.
class NetCommands {
public:
    /// False if there are not that many.
    [[nodiscard]] virtual bool set_pairs(unsigned pairs) noexcept = 0;
    virtual void set_mac(const MacAddress& mac) noexcept = 0;

protected:
    ~NetCommands() = default;
};

/// The control queue (virtio 1.2, 5.1.6.5). On the loop's thread. Receive filters are accepted and let everything
/// through: they are there to save a driver work, and it looks at each frame again.
class NetControl final : public IoPoller {
public:
    NetControl(const NetContext& context, QueueEnd& end, NetCommands& commands);
    ~NetControl() { context_.loop.ignore(*this); }
    NetControl(const NetControl&) = delete;
    NetControl& operator=(const NetControl&) = delete;

    bool poll() noexcept override;
    bool rest() noexcept override;

private:
    void begin() noexcept;
    [[nodiscard]] bool obey(const Chain& chain) noexcept;
    [[nodiscard]] bool obey_mac(const Chain& chain, std::uint8_t command) noexcept;
    [[nodiscard]] bool obey_mq(const Chain& chain, std::uint8_t command) noexcept;

    NetContext context_;
    QueueEnd& end_;
    NetCommands& commands_;
    Virtqueue queue_;
    bool reported_ = false;  ///< that the driver has broken it
    Watch kicked_{};
};

}  // namespace qvm
