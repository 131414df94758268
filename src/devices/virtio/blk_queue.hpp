// SPDX-License-Identifier: Apache-2.0
// One queue of a block device, served by one event loop.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "devices/virtio/blk_job.hpp"
#include "devices/virtio/virtio_device.hpp"
#include "devices/virtio/virtqueue.hpp"

namespace qvm {

/// On the loop's thread only.
class BlkQueue final : public IoPoller, private BlkJob::Owner {
public:
    BlkQueue(const GuestMemory& memory, EventLoop& loop, BlkDisk& disk) : memory_{memory}, loop_{loop}, disk_{disk} {}

    [[nodiscard]] EventLoop& loop() const noexcept { return loop_; }

    void start(VirtioTransport& transport, QueueEnd& end, std::uint64_t features);
    /// Calls `stopped` when nothing is in flight any more, perhaps at once.
    void stop(std::function<void()> stopped) noexcept;

    bool poll() noexcept override;
    bool rest() noexcept override;

private:
    void attend() noexcept;
    void fix_file() noexcept;
    void unfix_file() noexcept;
    void take(Chain chain) noexcept;
    void answered(BlkJob& job, Chain chain, std::uint32_t written) noexcept override;
    [[nodiscard]] bool interrupt() noexcept;
    void check_ring() noexcept;
    void end_if_idle() noexcept;

    const GuestMemory& memory_;
    EventLoop& loop_;
    BlkDisk& disk_;
    VirtioTransport* transport_ = nullptr;
    QueueEnd* end_ = nullptr;
    std::uint64_t features_ = 0;  // negotiated
    std::optional<Virtqueue> queue_;
    const BlockFile* fixed_ = nullptr;  // what the loop's kernel side holds
    std::deque<BlkJob> jobs_;           // as many as there can be chains
    std::vector<BlkJob*> idle_;         // of jobs_
    bool attended_ = false;             // and then the driver need not notify
    bool has_answers_ = false;          // of which the driver has not been told
    bool has_broken_ = false;           // which the transport knows
    std::function<void()> stopped_;     // there: nothing new is begun
    Watch kicked_;
};

}  // namespace qvm
