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

/// What is passed is on no bus in a check.
void add_passed(const VmConfig& config, GuestMap& map) {
    using Space = GuestLocation::Space;
    for (const PassSpec& pass : config.passed)
        for (const PassLocation& location : pass.locations) {
            const GuestLocation& guest = location.guest;
            if (guest.space == Space::Pci) continue;
            const bool io = guest.space == Space::Io;
            const auto range = Range::make(guest.address, guest.length.value_or(io ? 1 : kDefaultPassLength));
            auto& windows = io ? map.ports : map.memory;
            const auto known = [&](const GuestMap::Window& each) { return range && each.range.overlaps(*range); };
            // In a VM that runs it is on the bus.
            if (range && std::ranges::none_of(windows, known)) windows.push_back({*range, "pass"});
        }
}

/// The line of a controller that is behind a number of the guest's tables.
std::string line_name(const IrqTable& irqs, unsigned gsi) {
    for (const IrqTable::Controller& controller : irqs.controllers()) {
        const unsigned first = controller.chip->gsi(0);
        if (gsi >= first && gsi - first < controller.chip->lines())
            return fmt::format("{}:{}", controller.name, gsi - first);
    }
    return {};
}

std::vector<GuestMap::Function> functions(const PciHost& pci, const IrqTable& irqs) {
    std::vector<GuestMap::Function> all;
    for (const PciFacts& facts : pci.facts()) {
        GuestMap::Function function{.slot = facts.slot.text(),
                                    .owner = facts.owner->title,
                                    .id = {},
                                    .bars = {},
                                    .line = facts.line ? line_name(irqs, *facts.line) : "",
                                    .vectors = facts.vectors};
        if (facts.vendor != PciIdentity{}.vendor) function.id = PciId{facts.vendor, facts.device};
        for (const PciFacts::Bar& bar : facts.bars) function.bars.push_back({bar.index, bar.range});
        all.push_back(std::move(function));
    }
    return all;
}

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

std::string function_to_json(const GuestMap::Function& function) {
    const auto bar = [](const GuestMap::Function::Bar& each) {
        return JsonObject{}
            .number("bar", each.index)
            .text("start", hex(each.range.start()))
            .text("size", hex(each.range.size()))
            .done();
    };
    JsonObject out;
    out.text("slot", function.slot).text("owner", function.owner);
    if (function.id)
        out.text("vendor_id", fmt::format("{:#06x}", function.id->vendor))
            .text("device_id", fmt::format("{:#06x}", function.id->device));
    if (!function.bars.empty()) out.raw("bars", json_array(function.bars, bar));
    if (!function.line.empty()) out.text("line", function.line);
    if (function.vectors != 0) out.number("vectors", function.vectors);
    return out.done();
}

void append_functions(const std::vector<GuestMap::Function>& functions, std::string& out) {
    if (functions.empty()) return;
    out += "PCI functions\n";
    for (const GuestMap::Function& function : functions) {
        fmt::format_to(std::back_inserter(out), "  {:<6}  {}\n", function.slot, function.owner);
        std::string facts;
        if (function.id) facts += fmt::format(", {:04x}:{:04x}", function.id->vendor, function.id->device);
        if (!function.line.empty()) facts += ", INTx at " + function.line;
        if (function.vectors != 0) facts += fmt::format(", MSI-X with {}", function.vectors);
        if (!facts.empty()) fmt::format_to(std::back_inserter(out), "          {}\n", facts.substr(2));
        for (const auto& [index, range] : function.bars)
            fmt::format_to(std::back_inserter(out), "          BAR {}  0x{:08x}-0x{:08x}\n", index, range.start(),
                           range.last());
    }
}

}  // namespace

GuestMap make_guest_map(const VmConfig& config, const Buses& buses, const IrqTable& irqs, const PciHost* pci) {
    GuestMap map{windows(buses.mmio), windows(buses.pio), {}, {}};
    if (pci != nullptr) map.functions = functions(*pci, irqs);
    for (const MemorySpec& memory : config.memory)
        map.memory.push_back({memory.range, memory.host ? "ram, passed" : memory.rom ? "rom" : "ram"});
    add_passed(config, map);
    const auto start = [](const GuestMap::Window& window) { return window.range.start(); };
    std::ranges::sort(map.memory, {}, start);
    std::ranges::sort(map.ports, {}, start);
    for (const auto& [controller, line, owner] : irqs.owned())
        map.interrupts.push_back({std::string{controller}, line, std::string{owner}});
    return map;
}

std::string guest_map_to_json(const GuestMap& map) {
    const auto window = [](const GuestMap::Window& each) {
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
        .raw("pci", json_array(map.functions, function_to_json))
        .done();
}

std::string format_guest_map(const GuestMap& map) {
    std::string out;
    append_windows("memory", map.memory, kAddressDigits, out);
    append_windows("ports", map.ports, kPortDigits, out);
    append_lines(map.interrupts, out);
    append_functions(map.functions, out);
    return out;
}

}  // namespace qvm
