// SPDX-License-Identifier: Apache-2.0
#include "launcher/passed_platform.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "config/settings.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

using Space = GuestLocation::Space;
constexpr const char* kOwner = "pass";

void attach(Bus& bus, const Range& range, IoDevice& device, const Location& where) {
    if (const auto conflict = bus.attach(range, device, kOwner))
        throw ConfigError{where, fmt::format("{:#x} to {:#x} cannot be passed: {} is there", range.start(),
                                             range.last(), conflict->owner)};
}

}  // namespace

HostPlatform& PassedPlatform::host() {
    if (!host_) host_.emplace(settings_of(services_.config).host_devmem, space_, services_.host_root);
    return *host_;
}

void PassedPlatform::add(const PassSpec& pass, const std::vector<IrqTable::Claim>& lines) {
    PassedChip chip;
    Lines of_regions;
    for (const PassLocation& location : pass.locations) {
        // What is RAM is made with the rest of the guest's memory.
        if (location.guest.space == Space::Pci || location.is_memory()) continue;
        if (location.guest.space == Space::Io)
            add_ports(location);
        else
            add_region(location, chip, of_regions);
    }
    for (std::size_t i = 0; i < lines.size(); ++i) add_line(pass.interrupts[i], lines[i], chip, of_regions);
    chip.node = pass.node;
    if (chip.node || !chip.regions.empty()) services_.machine.announce(chip);
}

void PassedPlatform::add_ports(const PassLocation& location) {
    const Range ports = Range::make(location.guest.address, location.guest.length.value_or(1)).value();
    host().check_ports(ports);
    auto device = services_.machine.host_ports(ports);
    if (!device) throw ConfigError{location.where, "this board has no ports"};
    services_.char_host.log.warn(fmt::format(
        "the guest has the host's ports {:#x} to {:#x}: the host's kernel does not know", ports.start(), ports.last()));
    attach(services_.buses.pio, ports, *device, location.where);
    ports_.push_back(std::move(device));
}

void PassedPlatform::add_region(const PassLocation& location, PassedChip& chip, Lines& lines) {
    const std::uint64_t length = location.guest.length.value_or(kDefaultPassLength);
    const auto guest = Range::make(location.guest.address, length);
    const auto from = Range::make(location.host ? location.host->address : location.guest.address, length);
    DeviceMemory* const memory = services_.machine.device_memory();
    if (!guest || !from || memory == nullptr) throw ConfigError{location.where, "this board cannot have it"};
    const PassAttributes wanted = pass_attributes(location.attributes);
    HostRegion mapped = host().map(*from, wanted.cached);
    std::ranges::move(host().lines_at(*from), std::back_inserter(lines));
    if (mapped.unasked) warn_of_devmem(*from);
    auto region = std::make_unique<PassedRegion>(std::move(mapped), PassedRegion::Access{wanted.read, wanted.write},
                                                 services_.char_host.log);
    region->show(*memory, guest->start());
    attach(services_.buses.mmio, *guest, *region, location.where);
    regions_.push_back(std::move(region));
    chip.regions.push_back({*guest, from->start()});
}

void PassedPlatform::warn_of_devmem(const Range& host) {
    services_.char_host.log.warn(fmt::format(
        "the guest has the host's memory at {:#x} to {:#x} by /dev/mem: no driver of the host has agreed, and "
        "whatever is there, the guest can do to it",
        host.start(), host.last()));
}

bool PassedPlatform::is_taken(const HostLine& line) const noexcept {
    return std::ranges::find(taken_, line) != taken_.end();
}

HostLine PassedPlatform::choose(const PassIntr& intr, const Lines& lines) {
    const auto fits = [&](const HostLine& each) {
        return !is_taken(each) && (!intr.host || !each.number || each.number == intr.host);
    };
    const auto found = std::ranges::find_if(lines, fits);
    if (found != lines.end()) return *found;
    return host().line_of(static_cast<unsigned>(intr.host.value_or(intr.guest.line.value_or(0))));
}

void PassedPlatform::add_line(const PassIntr& intr, const IrqTable::Claim& line, PassedChip& chip, const Lines& lines) {
    const HostLine from = choose(intr, lines);
    if (is_taken(from))
        throw ConfigError{intr.where, fmt::format("{} is passed already", from.title()),
                          "each `intr` is one interrupt of the host's"};
    taken_.push_back(from);
    std::optional<unsigned> number = from.number;
    if (!number && intr.host) number = static_cast<unsigned>(*intr.host);
    lines_.push_back(std::make_unique<PassedLine>(
        from.title(), host().open_interrupt(from), line.chip->line(line.line),
        PassedLine::Services{services_.char_host.loop, services_.char_host.log, services_.control}));
    chip.interrupts.push_back({line.line, number});
}

void PassedPlatform::reset() {
    if (!host_) return;
    for (const std::string& name : host_->reset())
        services_.char_host.log.warn(
            fmt::format("{} cannot be reset: the guest gets it as its last user left it", name));
}

void PassedPlatform::start() {
    for (const auto& line : lines_) line->start();
}

std::string PassedPlatform::report() const {
    std::string text;
    for (const auto& line : lines_) text += fmt::format("\n{}: {} times", line->title(), line->raised());
    for (const auto& region : regions_)
        if (region->refused() != 0)
            text += fmt::format("\n{}: {} accesses that its attributes forbid", region->title(), region->refused());
    return text;
}

}  // namespace qvm
