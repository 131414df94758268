// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "devices/host/connection.hpp"
#include "devices/host/host_end.hpp"
#include "devices/host/unix_listener.hpp"

namespace qvm {

/// A unix socket that others connect to, one at a time, each after the other. One that has said that it will send no
/// more gives way to the next.
class ListeningEnd final : public HostEnd {
public:
    /// Throws HostError. With `reads`, what the others send is read.
    ListeningEnd(std::string path, bool reads) : listener_{std::move(path)}, reads_{reads} {}

    void start(EventLoop& loop, Changed changed) override;
    void stop() override;
    void input_ended() override;
    void output_lost() override;

private:
    void await();
    void accept();

    UnixListener listener_;
    bool reads_;
    EventLoop* loop_ = nullptr;
    Changed changed_;
    std::optional<Connection> connection_;  // the loop's thread
    Watch waiting_;
};

}  // namespace qvm
