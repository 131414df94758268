// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "devices/host/unix_listener.hpp"
#include "devices/virtio/vsock_stream.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// What the guest did wrong. Of a device, over all its starts.
struct VsockCounters {
    VsockCounters(Log& log, const std::string& name);
    GuestFault bad_packet;
    GuestFault bad_buffer;
    GuestFault too_many;
};

/// The connections between a guest and the Unix sockets of the host, in the way that Firecracker made common
/// (docs/vsock.md): who connects to `path` and says "CONNECT 52\n" is connected to port 52 of the guest and reads
/// "OK 1073741824\n"; the guest's connection to port 52 of the host is one to `path`_52. On the loop's thread, but for
/// construction and destruction.
class VsockHub {
public:
    /// At once; the next is refused.
    static constexpr std::size_t kMostStreams = 256;

    /// Listens at `path`; at nothing if it is empty. Throws HostError.
    VsockHub(EventLoop& loop, Log& log, const std::string& name, std::uint64_t guest_cid, std::string path);

    /// The driver is there. `news` is called when produce() has something because of the host.
    void start(std::function<void()> news);
    /// All connections end.
    void stop() noexcept;

    /// Whether there is room for the answer that receive() may make necessary. If not, produce() makes some.
    [[nodiscard]] bool can_receive() const noexcept { return orphan_count_ < orphans_.size(); }
    /// A packet of the guest's.
    void receive(const Chain& chain) noexcept;
    [[nodiscard]] bool has_news() const noexcept { return orphan_count_ != 0 || ready_count_ != 0; }
    /// Writes a packet for the guest into `chain`, which has room for more than a header. Returns its size; 0 if there
    /// was none after all.
    [[nodiscard]] std::uint32_t produce(const Chain& chain) noexcept;

    [[nodiscard]] VsockCounters& counters() noexcept { return counters_; }
    [[nodiscard]] std::uint64_t guest_cid() const noexcept { return guest_cid_; }

private:
    struct Slot {
        VsockStream stream{};
        std::uint32_t generation = 0;  ///< tells an event of the one that was here before
        bool queued = false;
    };
    /// Whom an Rst goes to that has no connection (5.10.6.4).
    struct Orphan {
        std::uint64_t cid;
        VsockStream::Ports ports;
        std::uint16_t type;
    };

    void on_events() noexcept;
    void on_event(std::uint64_t which, std::uint32_t events) noexcept;
    void accept_hosts() noexcept;
    void greet(std::size_t index) noexcept;
    [[nodiscard]] std::uint32_t free_port() noexcept;
    void connect(const VsockHeader& header) noexcept;
    void refuse(const VsockHeader& header) noexcept;
    [[nodiscard]] std::size_t find(VsockStream::Ports ports) const noexcept;
    [[nodiscard]] std::size_t free_slot() const noexcept;
    [[nodiscard]] bool watch(std::size_t index) noexcept;
    void refresh(std::size_t index) noexcept;

    EventLoop& loop_;
    const std::uint64_t guest_cid_;
    const std::string path_;
    VsockCounters counters_;
    std::unique_ptr<UnixListener> listener_;
    UniqueFd epoll_;
    std::vector<Slot> slots_;
    std::array<std::uint16_t, kMostStreams> ready_{};  ///< a ring of slots with news
    std::size_t ready_first_ = 0;
    std::size_t ready_count_ = 0;
    std::array<Orphan, 64> orphans_{};
    std::size_t orphan_count_ = 0;
    std::uint32_t next_port_ = 1U << 30;
    std::function<void()> news_{};
    Watch watch_{};
};

}  // namespace qvm
