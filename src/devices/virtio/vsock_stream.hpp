// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "devices/virtio/vsock_buffer.hpp"
#include "devices/virtio/vsock_format.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// One connection between a port of the guest and a socket of the host (virtio 1.2, 5.10.6). On the loop's thread.
/// Nothing here waits or allocates, but begin().
///
///   Greeting --(the host has named a port)--> Requested --Response--> Open --Rst, end of both--> Free
///                                          Open <--Request--                Draining: to the host only
///                                                                           Closing: an Rst to the guest only
class VsockStream {
public:
    enum class State : std::uint8_t { Free, Greeting, Requested, Open, Draining, Closing };
    struct Ports {
        std::uint32_t host = 0;
        std::uint32_t guest = 0;
        bool operator==(const Ports&) const noexcept = default;
    };

    /// Of a connection by the host, whose port is not known yet.
    void greet(UniqueFd fd);
    /// The host has named the guest's port.
    void request(Ports ports) noexcept;
    /// The guest has asked for it, and gets its answer.
    void accept(UniqueFd fd, const VsockHeader& request);

    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] Ports ports() const noexcept { return ports_; }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// The guest knows it by its ports.
    [[nodiscard]] bool is_known() const noexcept {
        return state_ == State::Requested || state_ == State::Open || state_ == State::Closing;
    }

    /// The socket has become ready in these ways (epoll(7), edge-triggered).
    void ready(std::uint32_t events) noexcept;
    /// A packet of the guest's for it. False if there is no such thing in its state or it is beyond the guest's credit:
    /// the connection is reset.
    [[nodiscard]] bool receive(const VsockHeader& header, const Chain& chain) noexcept;

    /// Whether produce() has something, as far as is known without asking the host.
    [[nodiscard]] bool has_news() const noexcept;
    /// Writes the next packet into `chain`, whose room is more than a header, and returns its size; 0 if there is none.
    [[nodiscard]] std::uint32_t produce(const Chain& chain, std::uint64_t guest_cid) noexcept;
    /// Gives it up; the guest is told if it knows of it.
    void reset() noexcept;
    void free() noexcept;

private:
    /// What the guest must still be told.
    enum News : std::uint8_t { kRequest = 1, kResponse = 2, kShutdown = 4, kCredit = 8, kAskCredit = 16 };

    void begin(UniqueFd fd, State state);
    [[nodiscard]] bool receive_data(const VsockHeader& header, const Chain& chain) noexcept;
    [[nodiscard]] bool answer_host() noexcept;
    void take_shutdown(std::uint32_t flags) noexcept;
    void guest_is_gone() noexcept;
    void flush() noexcept;
    void after_flush() noexcept;
    void forwarded(std::uint32_t bytes) noexcept;
    /// How many bytes the guest has room for.
    [[nodiscard]] std::uint32_t credit() const noexcept;
    [[nodiscard]] bool can_read() const noexcept;
    [[nodiscard]] std::optional<VsockOp> next_news() noexcept;
    [[nodiscard]] std::uint32_t read_data(const Chain& chain) noexcept;
    void end_of_host(bool both) noexcept;
    void write_header(const Chain& chain, std::uint64_t guest_cid, VsockOp op, std::uint32_t length) noexcept;

    UniqueFd fd_;
    State state_ = State::Free;
    Ports ports_{};
    bool readable_ = false;
    bool writable_ = false;
    bool hung_up_ = false;
    bool write_ended_ = false;  ///< the host has been told that no more comes
    std::uint8_t news_ = 0;
    std::uint32_t guest_shut_ = 0;  ///< vsock_shutdown flags
    std::uint32_t host_shut_ = 0;

    // Free-running counts of bytes (5.10.6.3): to the guest,
    std::uint32_t sent_ = 0;
    std::uint32_t guest_room_ = 0;
    std::uint32_t guest_took_ = 0;
    bool asked_ = false;
    // and from it.
    std::uint32_t taken_ = 0;
    std::uint32_t told_ = 0;  ///< what it knows of that
    VsockBuffer buffer_;
};

}  // namespace qvm
