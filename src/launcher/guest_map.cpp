// SPDX-License-Identifier: Apache-2.0
#include "launcher/guest_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "config/json_text.hpp"

namespace qvm {

namespace {

constexpr std::size_t kAddressDigits = 8;
constexpr std::size_t kPortDigits = 4;

std::vector<GuestMap::Window> windows(const Bus& bus) {
    std::vector<GuestMap::Window> all;
    for (const Bus::Entry& entry : bus.entries()) all.push_back({entry.range, entry.owner});
    return all;
}

void append_windows(std::string_view title, const std::vector<GuestMap::Window>& windows, std::size_t digits,
                    std::string& out) {
    if (windows.empty()) return;
    digits = std::max(digits, fmt::formatted_size("{:x}", windows.back().range.last()));
    fmt::format_to(std::back_inserter(out), "{}\n", title);
    for (const auto& [range, owner] : windows)
        fmt::format_to(std::back_inserter(out), "  0x{:0{}x}-0x{:0{}x}  {}\n", range.start(), digits, range.last(),
                       digits, owner);
}

void append_lines(const std::vector<GuestMap::Line>& lines, std::string& out) {
    if (lines.empty()) return;
    const auto label = [](const GuestMap::Line& line) { return fmt::format("{}:{}", line.controller, line.line); };
    std::size_t column = 0;
    for (const GuestMap::Line& line : lines) column = std::max(column, label(line).size());
    out += "interrupt lines\n";
    for (const GuestMap::Line& line : lines)
        fmt::format_to(std::back_inserter(out), "  {:<{}}  {}\n", label(line), column, line.owner);
}

/// What is passed has no vdev that would be on a bus.
void add_passed(const VmConfig& config, GuestMap& map) {
    using Space = GuestLocation::Space;
    for (const PassSpec& pass : config.passed)
        for (const PassLocation& location : pass.locations) {
            const GuestLocation& guest = location.guest;
            if (guest.space == Space::Pci) continue;
            const bool io = guest.space == Space::Io;
            const auto range = Range::make(guest.address, guest.length.value_or(io ? 1 : kDefaultPassLength));
            if (range) (io ? map.ports : map.memory).push_back({*range, "pass"});
        }
}

}  // namespace

GuestMap make_guest_map(const VmConfig& config, const Buses& buses, const IrqTable& irqs) {
    GuestMap map{windows(buses.mmio), windows(buses.pio), {}};
    for (const MemorySpec& memory : config.memory) map.memory.push_back({memory.range, memory.rom ? "rom" : "ram"});
    add_passed(config, map);
    const auto start = [](const GuestMap::Window& window) { return window.range.start(); };
    std::ranges::sort(map.memory, {}, start);
    std::ranges::sort(map.ports, {}, start);
    for (const auto& [controller, line, owner] : irqs.owned())
        map.interrupts.push_back({std::string{controller}, line, std::string{owner}});
    return map;
}

std::string guest_map_to_json(const GuestMap& map) {
    const auto hex = [](std::uint64_t value) { return fmt::format("{:#x}", value); };
    const auto window = [&hex](const GuestMap::Window& each) {
        return JsonObject{}
            .text("start", hex(each.range.start()))
            .text("size", hex(each.range.size()))
            .text("owner", each.owner)
            .done();
    };
    const auto line = [](const GuestMap::Line& each) {
        return JsonObject{}
            .text("controller", each.controller)
            .number("line", each.line)
            .text("owner", each.owner)
            .done();
    };
    return JsonObject{}
        .raw("memory", json_array(map.memory, window))
        .raw("ports", json_array(map.ports, window))
        .raw("interrupts", json_array(map.interrupts, line))
        .done();
}

std::string format_guest_map(const GuestMap& map) {
    std::string out;
    append_windows("memory", map.memory, kAddressDigits, out);
    append_windows("ports", map.ports, kPortDigits, out);
    append_lines(map.interrupts, out);
    return out;
}

}  // namespace qvm
