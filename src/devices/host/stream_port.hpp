// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "devices/host/char_port.hpp"
#include "devices/host/input_pump.hpp"
#include "devices/host/output_queue.hpp"
#include "devices/host/pseudo_terminal.hpp"
#include "devices/host/shell_command.hpp"
#include "devices/host/terminal.hpp"

namespace qvm {

/// What a port is made of; everything may be missing. Destroyed from the last member to the first: the command after
/// the pipe to it.
struct PortParts {
    std::unique_ptr<ShellCommand> command;
    std::unique_ptr<PseudoTerminal> pseudo_terminal;
    std::unique_ptr<OutputQueue> output;
    std::unique_ptr<InputPump> input;
};

/// Host descriptors as a CharPort.
class StreamPort final : public CharPort {
public:
    StreamPort(EventLoop& loop, PortParts parts) : loop_{loop}, parts_{std::move(parts)} {}
    ~StreamPort() override;

    void attach(CharClient& client) override;
    [[nodiscard]] bool put(std::byte value) noexcept override { return !parts_.output || parts_.output->put(value); }
    void resume_input() noexcept override {
        if (parts_.input) parts_.input->resume();
    }

private:
    EventLoop& loop_;
    PortParts parts_;
};

}  // namespace qvm
