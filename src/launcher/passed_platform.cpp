// SPDX-License-Identifier: Apache-2.0
#include "launcher/passed_platform.hpp"

#include <fmt/format.h>

#include <algorithm>

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

PassAttributes pass_attributes(std::string_view letters) noexcept {
    const bool relative = letters.empty() || letters.find_first_of("+-") != std::string_view::npos;
    PassAttributes out{.read = relative, .write = relative};
    bool value = true;
    for (const char letter : letters) {
        if (letter == '+' || letter == '-') value = letter == '+';
        if (letter == 'r') out.read = value;
        if (letter == 'w') out.write = value;
        if (letter == 'c') out.cached = value;
        if (letter == 'n') out.cached = !value;
    }
    return out;
}

HostPlatform& PassedPlatform::host() {
    if (!host_) host_.emplace(settings_of(services_.config).host_devmem, services_.host_root);
    return *host_;
}

void PassedPlatform::add(const PassSpec& pass, const std::vector<IrqTable::Claim>& lines) {
    PassedChip chip;
    Devices devices;
    for (const PassLocation& location : pass.locations) {
        if (location.guest.space == Space::Pci) continue;
        if (location.guest.space == Space::Io)
            add_ports(location);
        else
            add_region(location, chip, devices);
    }
    for (std::size_t i = 0; i < lines.size(); ++i) add_line(pass.interrupts[i], lines[i], chip, devices);
    if (!chip.regions.empty()) services_.machine.announce(chip);
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

void PassedPlatform::add_region(const PassLocation& location, PassedChip& chip, Devices& devices) {
    const std::uint64_t length = location.guest.length.value_or(kDefaultPassLength);
    const auto guest = Range::make(location.guest.address, length);
    const auto from = Range::make(location.host ? location.host->address : location.guest.address, length);
    DeviceMemory* const memory = services_.machine.device_memory();
    if (!guest || !from || memory == nullptr) throw ConfigError{location.where, "this board cannot have it"};
    const PassAttributes wanted = pass_attributes(location.attributes);
    HostRegion mapped = host().map(*from, wanted.cached);
    if (const UioDevice* device = host().device_at(*from))
        devices.push_back(device);
    else
        warn_of_devmem(*from);
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

const UioDevice& PassedPlatform::device_of(const PassIntr& intr, Devices& devices) {
    const auto fits = [&](const UioDevice* each) {
        return !interrupts_.contains(each->number) && (!intr.host || !each->interrupt || each->interrupt == intr.host);
    };
    const auto found = std::ranges::find_if(devices, fits);
    if (found != devices.end()) return **found;
    return host().device_of_interrupt(static_cast<unsigned>(intr.host.value_or(intr.guest.line.value_or(0))));
}

void PassedPlatform::add_line(const PassIntr& intr, const IrqTable::Claim& line, PassedChip& chip, Devices& devices) {
    const UioDevice& device = device_of(intr, devices);
    if (!interrupts_.insert(device.number).second)
        throw ConfigError{intr.where, fmt::format("the interrupt of {} is passed already", device.title()),
                          "a UIO device has one interrupt"};
    std::optional<unsigned> number = device.interrupt;
    if (!number && intr.host) number = static_cast<unsigned>(*intr.host);
    lines_.push_back(std::make_unique<PassedLine>(
        fmt::format("the interrupt of {}", device.title()), host().open_interrupt(device), line.chip->line(line.line),
        PassedLine::Services{services_.char_host.loop, services_.char_host.log, services_.control}));
    chip.interrupts.push_back({line.line, number});
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
