// SPDX-License-Identifier: Apache-2.0
// Devices whose rings another process serves (vhost-user). What is special to a kind of device is with that kind.
// Source: docs/interop/vhost-user.rst of QEMU 7.2.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devices/host/vhost_user_channel.hpp"
#include "devices/host/vhost_user_events.hpp"
#include "devices/virtio/virtio_device.hpp"
#include "vmm/event_fd.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// The device that a back end serves. Called on the loop's thread.
class VhostUserClient {
public:
    /// The back end is gone while it served the rings; the log has said so.
    virtual void back_end_lost() noexcept = 0;
    /// read_config() gives something else now.
    virtual void back_end_config_changed() noexcept = 0;

protected:
    ~VhostUserClient() = default;
};

/// Made, connected and destroyed on the main thread. A back end that is lost is called again when the driver has reset
/// its device and starts it anew; nothing that is in flight survives.
class VhostUser {
public:
    static constexpr std::chrono::seconds kPatience{10};

    struct Wanted {
        std::string label;  ///< names the device in the log
        std::string whose;  ///< what the log says of the back end: "at /run/disk.sock"
        /// A connection with it; invalid with errno if there is none. Called on the loop's thread.
        std::function<UniqueFd()> dial;
        std::size_t config_size = 0;  ///< of the device's configuration, which the back end has; 0: it is not asked
        std::chrono::milliseconds patience = kPatience;  ///< for each message
    };

    /// `client` must outlive it.
    VhostUser(EventLoop& loop, Log& log, Wanted wanted, VhostUserClient& client);
    ~VhostUser();
    VhostUser(const VhostUser&) = delete;
    VhostUser& operator=(const VhostUser&) = delete;

    /// Calls the back end and learns what it can do; waits for that. Once. Throws HostError.
    void connect();

    // From connect() on, fixed.
    /// Virtio's, as it offers them.
    [[nodiscard]] std::uint64_t features() const noexcept { return known_.features; }
    /// The most queues that it serves, if it says so.
    [[nodiscard]] std::optional<std::uint64_t> queues() const noexcept { return known_.queues; }
    /// Whether it has the configuration that was wanted.
    [[nodiscard]] bool has_config() const noexcept { return has_config_; }

    /// From any thread. Zeroes where there is none.
    void read_config(std::size_t offset, std::span<std::byte> data) const noexcept;

    /// Whether all rings are where a back end can be told of them.
    [[nodiscard]] static bool can_serve(const GuestMemory& memory, std::span<QueueEnd* const> queues) noexcept;

    // On the loop's thread.
    /// Hands it the rings that the driver has enabled. What fails later is a loss.
    void start(std::uint64_t features, const GuestMemory& memory, std::span<QueueEnd* const> queues) noexcept;
    /// `stopped` runs when it has said that it uses the rings no more, or when it is lost.
    void stop(std::function<void()> stopped) noexcept;
    void interrupts_moved() noexcept;

private:
    struct Known {
        std::uint64_t features = 0;
        std::uint64_t protocol = 0;
        std::optional<std::uint64_t> queues{};
    };
    /// One that the back end serves: from the kick by the guest to the interrupt.
    struct Ring {
        Ring(unsigned number, QueueEnd& queue, EventLoop& loop);
        [[nodiscard]] int call_fd() noexcept;
        unsigned index;
        QueueEnd& end;
        EventFd call{};  ///< for a transport that has no eventfd for interrupts
        Watch called;
    };

    void dial(std::function<void()> ready);
    void know_features();
    void know_protocol();
    void ask_config();
    void listen_to_events();
    void on_event(std::uint32_t type);
    [[nodiscard]] bool take_config(const VhostUserMessage& answer) noexcept;
    void start_rings(std::uint64_t features, const GuestMemory& memory);
    void start_ring(Ring& ring, std::uint64_t features);
    void tell_call(Ring& ring);
    void send_memory(const GuestMemory& memory);
    void fail(const std::string& why);
    void lost(const std::string& why);
    void finish_stop() noexcept;

    EventLoop& loop_;
    Log& log_;
    const Wanted wanted_;
    VhostUserClient& client_;

    Known known_{};  ///< of the first connection: what the guest was told
    bool has_config_ = false;
    mutable std::mutex mutex_;  // guards config_
    std::vector<std::byte> config_{};

    // On the loop's thread only.
    Known now_{};                                          ///< of this connection
    std::function<void(const std::string&)> connected_{};  ///< the main thread waits; the text is empty if all is well
    std::function<void()> ready_{};                        ///< after the introduction
    bool running_ = false;                                 ///< between start() and the end of stop()
    bool served_ = false;                                  ///< it has been told of the rings
    bool asking_config_ = false;
    std::function<void()> stopped_{};
    std::vector<std::unique_ptr<Ring>> rings_{};
    VhostUserEvents events_;
    VhostUserChannel channel_;  ///< last: while it is there it calls
};

}  // namespace qvm
