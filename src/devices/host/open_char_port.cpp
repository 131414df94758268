// SPDX-License-Identifier: Apache-2.0
#include "devices/host/open_char_port.hpp"

#include <fmt/format.h>

#include <csignal>

#include "devices/host/port_opener.hpp"
#include "devices/host/run_on_loop.hpp"

namespace qvm {

namespace {

/// Swallows everything.
class NullPort final : public CharPort {
public:
    explicit NullPort(EventLoop& loop) : loop_{loop} {}
    void attach(CharClient& client) override {
        run_on_loop(loop_, [&client] { client.connected(true); });
    }
    [[nodiscard]] std::size_t write(std::span<const std::byte> data) noexcept override { return data.size(); }
    void resume_input() noexcept override {}

private:
    EventLoop& loop_;
};

[[nodiscard]] std::string label_of(const VdevSpec& spec) {
    const std::string type{spec.syntax != nullptr ? spec.syntax->type : "vdev"};
    return spec.name().empty() ? type : fmt::format("{} {}", type, spec.name());
}

}  // namespace

CharEnd char_end(const VdevSpec& spec) {
    CharEnd end{.label = label_of(spec), .options = spec.options};
    if (const auto* delay = spec.get<Delay>("delayed")) end.delayed = *delay;
    return end;
}

CharEnd char_end(const VdevSpec& spec, std::string_view port, std::span<const OptionValue> options) {
    CharEnd end = char_end(spec);
    if (!port.empty()) end.label += fmt::format(" port {}", port);
    end.options = options;
    return end;
}

std::unique_ptr<CharPort> open_char_port(const CharEnd& end, const CharHost& host) {
    // A host end that dies is an error of write(2) and not the end of the VM.
    std::signal(SIGPIPE, SIG_IGN);
    PortOpener opener{end, host};
    for (const OptionValue& option : end.options) {
        if (option.spec->name == "hostdev") opener.add(option);
    }
    if (host.check != nullptr || !opener.has_any()) return std::make_unique<NullPort>(host.loop);
    return std::make_unique<StreamPort>(host.loop, std::move(opener).take());
}

}  // namespace qvm
