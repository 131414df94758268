// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "devices/host/char_port.hpp"
#include "devices/host/host_end.hpp"
#include "devices/host/input_pump.hpp"
#include "devices/host/output_queue.hpp"
#include "devices/host/shell_command.hpp"
#include "devices/host/terminal.hpp"

namespace qvm {

/// What a port is made of; everything may be missing. Destroyed from the last member to the first: the command after
/// the pipe to it.
struct PortParts {
    struct End {
        std::unique_ptr<HostEnd> end;
        bool reads = false;
        bool writes = false;
        bool open = false;  ///< the loop's thread
    };
    std::unique_ptr<ShellCommand> command;
    std::vector<End> ends;  ///< those that come and go
    std::unique_ptr<OutputQueue> output;
    std::unique_ptr<InputPump> input;
    std::shared_ptr<HostStream> fixed;  ///< one that is there from the start
    Terminal* terminal = nullptr;       ///< if the port has claimed it
};

/// Host descriptors as a CharPort.
class StreamPort final : public CharPort {
public:
    StreamPort(EventLoop& loop, PortParts parts) : loop_{loop}, parts_{std::move(parts)} {}
    ~StreamPort() override;

    void attach(CharClient& client) override;
    void use() noexcept override;
    [[nodiscard]] std::size_t write(std::span<const std::byte> data) noexcept override {
        return parts_.output ? parts_.output->write(data) : data.size();
    }
    void resume_input() noexcept override {
        if (parts_.input) parts_.input->resume();
    }

private:
    void attach_output();
    void attach_input();
    void watch_size();
    void change(PortParts::End& end, const std::shared_ptr<HostStream>& stream);
    void tell_whether_connected();
    void look_at_size();

    EventLoop& loop_;
    PortParts parts_;
    CharClient* client_ = nullptr;

    // The loop's thread.
    bool stopped_ = false;
    bool connected_ = false;
    std::shared_ptr<HostStream> latest_;  // whose size is looked at
    TerminalSize size_{};
    Watch resized_;
};

}  // namespace qvm
