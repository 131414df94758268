// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "config/vm_config.hpp"
#include "devices/host/connection.hpp"
#include "devices/host/host_end.hpp"
#include "vmm/event_fd.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// `delayed`: a host end that is opened when the guest begins to use the device, and, if that fails, tried again for a
/// while. A connection whose peer has gone is tried again in the same way.
class LateEnd final : public HostEnd {
public:
    struct Opened {
        std::shared_ptr<void> kept{};  ///< goes after the stream
        std::shared_ptr<HostStream> stream{};
        bool connection = false;
    };
    /// Throws HostError if there is nothing to open yet. Runs on the loop's thread.
    using Open = std::function<Opened()>;

    /// `name` is for messages. With `reads`, input from it is read.
    LateEnd(Log& log, std::string name, Delay patience, bool reads, Open open);

    void start(EventLoop& loop, Changed changed) override;
    void stop() override;
    void input_ended() override;
    void output_lost() override;
    void use() noexcept override;

private:
    using Clock = std::chrono::steady_clock;

    void begin();
    void try_to_open();
    void try_later(const std::string& why);
    void connection_over();

    Log& log_;
    std::string name_;
    Delay patience_;
    bool reads_;
    Open open_;
    EventLoop* loop_ = nullptr;
    Changed changed_;
    EventFd used_;
    std::atomic<bool> was_used_{false};

    // The loop's thread.
    Clock::time_point since_;
    Clock::duration pause_{};
    bool waits_ = false;  // for due_
    Opened opened_;
    std::optional<Connection> connection_;
    UniqueFd timer_;
    Watch use_;
    Watch due_;
};

}  // namespace qvm
