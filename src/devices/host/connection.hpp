// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "devices/host/host_stream.hpp"
#include "vmm/event_loop.hpp"

namespace qvm {

/// A connection that is over when all that the peer has sent is read and the peer has gone. One that has only said that
/// it will send no more still gets the output. On the loop's thread.
class Connection {
public:
    struct Events {
        std::function<void()> over;             ///< once; may destroy this object
        std::function<void()> sends_no_more{};  ///< once at most, and not if it is over with that
    };
    /// Events come on the loop's thread. With `reads`, somebody reads and calls input_ended().
    Connection(EventLoop& loop, std::shared_ptr<HostStream> stream, bool reads, Events events);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() = default;

    [[nodiscard]] const std::shared_ptr<HostStream>& stream() const noexcept { return stream_; }
    void input_ended();
    void output_lost();

private:
    void end();

    std::shared_ptr<HostStream> stream_;
    Events events_;
    bool sends_no_more_ = false;
    Watch hung_up_;
};

}  // namespace qvm
