// SPDX-License-Identifier: Apache-2.0
// The host's end of a network card.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace qvm {

/// Who is told what a back end sees. On the loop's thread.
class NetClient {
public:
    /// After NetBackend::wait(): there may be a frame for that pair.
    virtual void receivable(unsigned pair) noexcept = 0;
    virtual void link_changed() noexcept = 0;

protected:
    ~NetClient() = default;
};

/// A frame travels as a list of buffers of which the first is its NetHeader, all 12 bytes of it, and the rest the frame
/// from its Ethernet header on. Nothing here ever waits. Made and destroyed on the main thread; called on the loop's
/// thread in between, unless said otherwise.
class NetBackend {
public:
    enum class Sent : std::uint8_t {
        Yes,
        Lost,     ///< the host's end takes nothing, or nothing more at present
        Refused,  ///< the frame or its header makes no sense
    };

    virtual ~NetBackend() = default;

    /// Of net_feature::kOffloads: what it can do. From any thread.
    [[nodiscard]] virtual std::uint64_t offloads() const noexcept = 0;
    /// From any thread.
    [[nodiscard]] virtual bool link_up() const noexcept = 0;
    /// Before anything else, on the main thread; from then on `client` may be called. It must outlive the back end.
    virtual void attach(NetClient& client) = 0;

    /// A driver has started with these features, and so many pairs of queues are in use.
    virtual void use(std::uint64_t features, unsigned pairs) noexcept = 0;
    [[nodiscard]] virtual Sent send(unsigned pair, std::span<const iovec> frame) noexcept = 0;
    /// The guest has nothing more to send for now.
    virtual void flush() noexcept {}
    /// The next frame into `room`. Returns its size with the header, which may be more than there was room for; nothing
    /// if there is none.
    [[nodiscard]] virtual std::optional<std::size_t> receive(unsigned pair, std::span<const iovec> room) noexcept = 0;
    /// Calls NetClient::receivable() once, later, when there is a frame to receive(), perhaps none in the end.
    virtual void wait(unsigned pair) noexcept = 0;
};

/// Nobody at the other end.
class NoPeer final : public NetBackend {
public:
    [[nodiscard]] std::uint64_t offloads() const noexcept override { return 0; }
    [[nodiscard]] bool link_up() const noexcept override { return false; }
    void attach(NetClient& /*client*/) override {}
    void use(std::uint64_t /*features*/, unsigned /*pairs*/) noexcept override {}
    [[nodiscard]] Sent send(unsigned /*pair*/, std::span<const iovec> /*frame*/) noexcept override {
        return Sent::Lost;
    }
    [[nodiscard]] std::optional<std::size_t> receive(unsigned /*pair*/,
                                                     std::span<const iovec> /*room*/) noexcept override {
        return std::nullopt;
    }
    void wait(unsigned /*pair*/) noexcept override {}
};

}  // namespace qvm
