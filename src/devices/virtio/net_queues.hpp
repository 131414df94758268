// SPDX-License-Identifier: Apache-2.0
// The two queues of a pair while qvm itself serves them (virtio 1.2, 5.1.6). On the loop's thread.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "devices/host/net_backend.hpp"
#include "devices/virtio/net_format.hpp"
#include "devices/virtio/virtio_device.hpp"
#include "devices/virtio/virtqueue.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// What became of frames, and what the guest did wrong. Of a device, over all its starts.
struct NetCounters {
    NetCounters(Log& log, const std::string& name);

    std::uint64_t sent = 0;
    std::uint64_t unsent = 0;  ///< the host's end took no more
    std::uint64_t received = 0;
    std::uint64_t unreceived = 0;  ///< too large for the guest's buffers, or of a kind that its driver does not take
    GuestFault bad_frame;          ///< that the guest sent
    GuestFault bad_buffer;
    GuestFault bad_command;
};

/// What the queues of a started device stand on. All of it outlives them.
struct NetContext {
    EventLoop& loop;
    const GuestMemory& memory;
    VirtioTransport& transport;
    NetBackend& backend;
    NetCounters& counters;
    std::uint64_t features;

    [[nodiscard]] bool merges() const noexcept { return (features & net_feature::kMrgRxbuf) != 0; }
    [[nodiscard]] std::size_t header_size() const noexcept {
        const bool whole = (features & (net_feature::kMrgRxbuf | virtio_feature::kVersion1)) != 0;
        return whole ? sizeof(NetHeader) : kShortNetHeader;
    }
};

/// More buffers than this in one frame are a fault; Linux uses 19. With a header and one more it is what writev(2)
/// takes.
inline constexpr std::size_t kMaxBuffers = 1022;
/// Frames handled before other devices have their turn.
inline constexpr unsigned kFramesPerTurn = 64;

/// From construction to destruction it sends what the guest has.
class NetTransmitter final : public IoPoller {
public:
    NetTransmitter(const NetContext& context, QueueEnd& end, unsigned pair);
    ~NetTransmitter() { context_.loop.ignore(*this); }
    NetTransmitter(const NetTransmitter&) = delete;
    NetTransmitter& operator=(const NetTransmitter&) = delete;

    bool poll() noexcept override;
    bool rest() noexcept override;

private:
    void begin() noexcept;
    void send(const Chain& chain) noexcept;
    [[nodiscard]] bool gather(const Chain& chain) noexcept;

    NetContext context_;
    QueueEnd& end_;
    unsigned pair_;
    Virtqueue queue_;
    bool reported_ = false;  ///< that the driver has broken it
    NetHeader header_{};
    std::size_t count_ = 0;  ///< of frame_ that are in use
    std::array<iovec, kMaxBuffers + 1> frame_{};
    Watch kicked_{};
};

/// From construction to destruction it gives the guest what the host has, as long as there are buffers.
class NetReceiver final : public IoPoller {
public:
    NetReceiver(const NetContext& context, QueueEnd& end, unsigned pair);
    ~NetReceiver() { context_.loop.ignore(*this); }
    NetReceiver(const NetReceiver&) = delete;
    NetReceiver& operator=(const NetReceiver&) = delete;

    /// See NetClient::receivable().
    void begin() noexcept;
    bool poll() noexcept override;
    bool rest() noexcept override { return false; }

private:
    enum class Step : std::uint8_t { Done, NoFrame, NoBuffer };
    /// Chains that the guest gave and that have no frame yet: at most so many for one frame.
    static constexpr std::size_t kMaxStaged = 256;

    [[nodiscard]] Step receive() noexcept;
    void stage() noexcept;
    [[nodiscard]] bool take_chain() noexcept;
    void gather() noexcept;
    [[nodiscard]] Step accept(std::size_t size) noexcept;
    [[nodiscard]] Step place_frame() noexcept;
    [[nodiscard]] bool make_room() noexcept;
    [[nodiscard]] Step drop_frame() noexcept;
    void give_frame() noexcept;
    void give_chain(std::size_t index, std::size_t& left, bool last) noexcept;
    [[nodiscard]] std::size_t room() const noexcept;
    void notify() noexcept;

    NetContext context_;
    QueueEnd& end_;
    unsigned pair_;
    Virtqueue queue_;
    bool reported_ = false;  ///< that the driver has broken it

    std::array<Chain, kMaxStaged> staged_{};
    std::size_t staged_count_ = 0;
    std::size_t staged_bytes_ = 0;
    std::size_t wanted_ = 0;  ///< bytes of frames as they have been lately

    NetHeader header_{};
    std::array<iovec, kMaxBuffers + 2> into_{};  ///< header, the first chains, overflow
    std::size_t into_count_ = 0;
    std::size_t direct_chains_ = 0;    ///< how many chains are in it
    std::size_t direct_room_ = 0;      ///< bytes of a frame that go into them
    std::vector<std::byte> overflow_;  ///< takes the rest of a frame
    std::size_t frame_ = 0;            ///< bytes of the frame that has come and that the guest has not got; 0: none
    Watch kicked_{};
};

}  // namespace qvm
