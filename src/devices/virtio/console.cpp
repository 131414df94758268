// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/console.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <set>

#include "config/diagnostics.hpp"

namespace qvm {

namespace {

// 5.3.3
namespace feature {
constexpr std::uint64_t kSize = 1U << 0, kMultiport = 1U << 1, kEmergencyWrite = 1U << 2;
}  // namespace feature

// 5.3.4; little-endian
struct Config {
    std::uint16_t cols = 0;
    std::uint16_t rows = 0;
    std::uint32_t max_nr_ports = 1;
    std::uint32_t emerg_wr = 0;
};

// 5.3.2: port 0 has queues 0 and 1, the control queues are 2 and 3, port N has 2 + 2N and 3 + 2N.
constexpr std::size_t kControlQueue = 2;
[[nodiscard]] constexpr std::size_t first_queue_of(std::size_t port) noexcept { return port == 0 ? 0 : 2 + 2 * port; }

constexpr std::uint16_t kDataQueueSize = 128;
constexpr std::uint16_t kControlQueueSize = 32;
constexpr std::size_t kMostNamedPorts = 31;
constexpr std::size_t kLongestName = 64;

/// The options of one port, which is the console if it has no name.
struct PortOptions {
    std::string name;
    Location where;
    std::span<const OptionValue> options;
};

[[nodiscard]] bool is_port(const OptionValue& option) noexcept { return option.spec->name == "port"; }

/// The console and the named ports, in the order of the file.
[[nodiscard]] std::vector<PortOptions> split(const VdevSpec& spec) {
    std::vector<PortOptions> ports;
    auto at = spec.options.begin();
    const auto next = [&] { return std::find_if(at, spec.options.end(), is_port); };
    ports.push_back({{}, spec.where, {at, next()}});
    for (at = next(); at != spec.options.end(); at = next()) {
        PortOptions port{std::get<std::string>(at->value), at->where, {}};
        ++at;
        port.options = {at, next()};
        ports.push_back(std::move(port));
    }
    return ports;
}

void check_name(const PortOptions& port) {
    const auto allowed = [](char c) { return (c > ' ' && c < '\x7f' && c != '/'); };
    if (port.name.empty() || port.name.size() > kLongestName || !std::ranges::all_of(port.name, allowed))
        throw ConfigError{port.where, fmt::format("{} cannot be the name of a port", quoted(port.name)),
                          fmt::format("a name has 1 to {} characters, without blanks and /", kLongestName)};
}

void check_names(const std::vector<PortOptions>& ports) {
    std::set<std::string_view> names;
    for (const PortOptions& port : std::span{ports}.subspan(1)) {
        check_name(port);
        if (!names.insert(port.name).second)
            throw ConfigError{port.where, fmt::format("there is a port {} already", quoted(port.name))};
    }
    if (names.size() > kMostNamedPorts)
        throw ConfigError{ports.back().where, fmt::format("a console has {} named ports at most", kMostNamedPorts)};
}

[[nodiscard]] bool has_host_end(const PortOptions& port) {
    return std::ranges::any_of(port.options, [](const OptionValue& o) { return o.spec->name == "hostdev"; });
}

[[nodiscard]] std::string label_of(const VdevSpec& spec) {
    const std::string type{spec.syntax->type};
    return spec.name().empty() ? type : fmt::format("{} {}", type, spec.name());
}

}  // namespace

Console::Console(const VdevSpec& spec, VdevContext& context) : loop_{context.loop()}, memory_{context.memory()} {
    const std::vector<PortOptions> ports = split(spec);
    check_names(ports);
    const std::string label = label_of(spec);
    for (const PortOptions& port : ports) {
        ConsolePort::Identity identity{.name = port.name, .label = label};
        if (!port.name.empty()) identity.label += fmt::format(" port {}", port.name);
        // A console that leads nowhere is not worth a device in a guest that has come for the other ports.
        identity.present = ports.size() == 1 || !port.name.empty() || has_host_end(port);
        identity.backpressure = spec.has("tx-backpressure");
        add(context, std::move(identity), port.options);
    }
    control_.emplace(context.log(), label, ports_, [this](std::string_view why) { transport().needs_reset(why); });
}

void Console::add(VdevContext& context, ConsolePort::Identity identity, std::span<const OptionValue> options) {
    const std::size_t number = ports_.size();
    auto host = context.char_port(identity.name, options);
    ConsolePort::Events events{
        .connection = [this, number] { control_->changed(number, ConsoleControl::Topic::Open); },
        .size = [this, number] { resized(number); },
        .broken = [this](std::string_view why) { transport().needs_reset(why); },
    };
    ports_.emplace_back(context.log(), std::move(identity), std::move(host), std::move(events));
    if (number == 1) queue_sizes_.insert(queue_sizes_.end(), 2, kControlQueueSize);
    queue_sizes_.insert(queue_sizes_.end(), 2, kDataQueueSize);
}

void Console::attach() {
    for (ConsolePort& port : ports_) port.attach();
}

std::uint64_t Console::features() const noexcept {
    return feature::kSize | feature::kEmergencyWrite | (ports_.size() > 1 ? feature::kMultiport : 0);
}

std::size_t Console::config_size() const noexcept { return sizeof(Config); }

void Console::read_config(std::size_t offset, std::span<std::byte> data) noexcept {
    const TerminalSize size = ports_.front().size();
    const Config config{size.columns, size.rows, static_cast<std::uint32_t>(ports_.size()), 0};
    std::ranges::copy(std::as_bytes(std::span{&config, 1}).subspan(offset, data.size()), data.begin());
}

/// Allowed before the driver has done anything else (5.3.5).
void Console::write_config(std::size_t offset, std::span<const std::byte> data) noexcept {
    if (offset == offsetof(Config, emerg_wr) && !data.empty()) ports_.front().emergency_write(data.front());
}

void Console::start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept {
    multiport_ = (features & feature::kMultiport) != 0;
    const std::size_t ports = multiport_ ? ports_.size() : 1;
    for (std::size_t i = 0; i < ports; ++i) {
        const std::size_t first = first_queue_of(i);
        ports_[i].start(loop_, memory_, *queues[first], *queues[first + 1]);
    }
    if (!multiport_) return ports_.front().set_open(true);
    control_->start(loop_, memory_, *queues[kControlQueue], *queues[kControlQueue + 1]);
}

void Console::stop(std::function<void()> stopped) noexcept {
    control_->stop();
    for (ConsolePort& port : ports_) port.stop();
    multiport_ = false;
    stopped();
}

void Console::resized(std::size_t port) noexcept {
    if (port != 0) return;
    transport().config_changed();
    control_->changed(port, ConsoleControl::Topic::Size);
}

}  // namespace qvm
