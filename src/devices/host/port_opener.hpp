// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "devices/host/open_char_port.hpp"
#include "devices/host/stream_port.hpp"

namespace qvm {

/// Opens the parts of one port, `hostdev` by `hostdev`. Throws ConfigError at the place of the one that cannot be had.
class PortOpener {
public:
    PortOpener(const CharEnd& end, const CharHost& host) : end_{end}, host_{host} {}

    void add(const OptionValue& option);
    [[nodiscard]] bool has_any() const noexcept { return has_output_ || has_input_; }
    [[nodiscard]] PortParts take() && { return std::move(parts_); }

private:
    void begin(const OptionValue& option, const HostDev& dev);
    void judge(const HostDev& dev);
    void open_target(const HostDev& dev);
    void open_stdio();
    void open_command(const std::string& command);
    void open_pseudo_terminal();
    void open_listener(const std::string& path);
    void open_path(const std::string& path);
    void open_later(const HostDev& dev);

    void use(const std::shared_ptr<HostStream>& stream);
    void use_end(std::unique_ptr<HostEnd> end);
    void use_output(std::shared_ptr<HostStream> stream);
    void use_input(std::shared_ptr<HostStream> stream);
    [[nodiscard]] InputPump::Filter keys(Terminal& terminal) const;
    void require_open(int fd) const;

    [[nodiscard]] std::string name_of(const HostDev& dev) const;
    [[noreturn]] void fail(const std::string& message, std::string hint = {}) const;
    [[noreturn]] void fail_taken() const;

    const CharEnd& end_;
    const CharHost& host_;
    PortParts parts_{};
    bool has_input_ = false;
    bool has_output_ = false;

    // Of the option at hand.
    Location where_{};
    std::string name_;
    bool reads_ = false;
    bool writes_ = false;
};

}  // namespace qvm
