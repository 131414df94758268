// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "devices/host/frame_stream.hpp"
#include "devices/host/net_backend.hpp"
#include "devices/host/one_shot.hpp"
#include "vmm/log.hpp"

namespace qvm {

class StreamLink;

/// Who makes the connections of a StreamLink. On the loop's thread, but for construction and destruction.
class Connector {
public:
    virtual ~Connector() = default;
    /// From now on it calls StreamLink::connected() whenever there is a connection.
    virtual void start(StreamLink& link) = 0;
    /// The last connection is gone.
    virtual void lost() noexcept = 0;
    /// Nothing is to be called any more.
    virtual void stop() noexcept = 0;
};

/// A network card's cable as a stream of frames to another process. The link is up while there is a connection.
class StreamLink final : public NetBackend {
public:
    /// `name` says in messages whose link it is. `loop` and `log` must outlive it.
    StreamLink(EventLoop& loop, Log& log, std::string name, FrameStream::Headers headers,
               std::unique_ptr<Connector> connector);
    ~StreamLink() override;

    /// Takes the place of the connection that there may be. On the loop's thread.
    void connected(UniqueFd fd);
    /// Whether there is a connection and somebody at its other end. On the loop's thread.
    [[nodiscard]] bool alive() const noexcept;

    [[nodiscard]] std::uint64_t offloads() const noexcept override;
    [[nodiscard]] bool link_up() const noexcept override { return up_.load(std::memory_order_relaxed); }
    void attach(NetClient& client) override;
    void use(std::uint64_t features, unsigned pairs) noexcept override;
    [[nodiscard]] Sent send(unsigned pair, std::span<const iovec> frame) noexcept override;
    void flush() noexcept override;
    [[nodiscard]] std::optional<std::size_t> receive(unsigned pair, std::span<const iovec> room) noexcept override;
    void wait(unsigned pair) noexcept override;

private:
    void set_link(bool up);
    void lose() noexcept;
    void listen() noexcept;

    EventLoop& loop_;
    Log& log_;
    std::string name_;
    FrameStream::Headers headers_;
    std::unique_ptr<Connector> connector_;
    FrameStream stream_;
    NetClient* client_ = nullptr;
    std::atomic<bool> up_{false};
    std::uint64_t features_ = 0;  ///< of the guest's driver
    bool waited_for_ = false;     ///< wait() was called and has not been answered
    Watch hung_up_;
    OneShot readable_;
    OneShot writable_;
};

}  // namespace qvm
