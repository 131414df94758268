// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/host_pci.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "vmm/error.hpp"
#include "vmm/host_text.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kBridgeClass = 0x06;
constexpr unsigned kIffUp = 1;  // linux/if.h

std::uint32_t hex_in(const fs::path& file) { return number_of<std::uint32_t>(first_line(file), 16).value_or(0); }

std::string target_name(const fs::path& link) {
    std::error_code none;
    return fs::read_symlink(link, none).filename().string();
}

std::vector<fs::path> entries(const fs::path& directory) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator each{directory, error}, end; !error && each != end; each.increment(error))
        found.push_back(each->path());
    std::ranges::sort(found);
    return found;
}

/// "major:minor" of everything that is mounted or swapped on (proc(5)).
std::set<std::string> mounted_devices(const fs::path& root) {
    std::set<std::string> devices;
    std::ifstream mounts{root / "proc/self/mountinfo"};
    for (std::string line; std::getline(mounts, line);) {
        std::array<std::string, 3> field;
        std::size_t at = 0;
        for (std::string& each : field) {
            const std::size_t end = std::min(line.find(' ', at), line.size());
            each = line.substr(at, end - at);
            at = std::min(end + 1, line.size());
        }
        devices.insert(field[2]);
    }
    return devices;
}

void find_networks(const fs::path& device, std::vector<std::string>& in_use) {
    for (const fs::path& interface : entries(device / "net"))
        if ((hex_in(interface / "flags") & kIffUp) != 0)
            in_use.push_back(fmt::format("network interface {} is up", interface.filename().string()));
}

/// Block devices and their partitions lie at different depths: below the function, its controller, its namespace.
void find_mounts(const fs::path& directory, const std::set<std::string>& mounted, unsigned depth,
                 std::vector<std::string>& in_use) {
    for (const fs::path& each : entries(directory)) {
        std::error_code none;
        if (!fs::is_directory(fs::symlink_status(each, none))) continue;
        const std::string number = first_line(each / "dev");
        if (!number.empty() && mounted.contains(number))
            in_use.push_back(fmt::format("{} is mounted", each.filename().string()));
        if (depth > 0) find_mounts(each, mounted, depth - 1, in_use);
    }
}

/// What of the host is needed to read one of its functions.
struct HostFacts {
    std::set<std::string> mounted;
    bool iommu;
};

/// Of the function's own file, in kernels that give it one (CONFIG_VFIO_DEVICE_CDEV, 6.6).
std::string cdev_of(const fs::path& device) {
    std::error_code error;
    const fs::directory_iterator found{device / "vfio-dev", error};
    return error || found == fs::directory_iterator{} ? "" : found->path().filename().string();
}

HostPciFunction read_function(const fs::path& device, HostPciAddress address, const HostFacts& host) {
    constexpr unsigned kDeepest = 6;  // ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1
    HostPciFunction function{.address = address};
    function.id = {static_cast<std::uint16_t>(hex_in(device / "vendor")),
                   static_cast<std::uint16_t>(hex_in(device / "device"))};
    function.class_code = hex_in(device / "class");
    function.driver = target_name(device / "driver");
    const std::string override_name = first_line(device / "driver_override");
    if (override_name != "(null)") function.driver_override = override_name;
    function.group = number_of<unsigned>(target_name(device / "iommu_group"), 10);
    function.cdev = cdev_of(device);
    // Linux 6.1, really_probe() and of_iommu_configure().
    function.group_comes = !function.group && function.driver.empty() && host.iommu;
    find_networks(device, function.in_use);
    find_mounts(device, host.mounted, kDeepest, function.in_use);
    return function;
}

/// Drivers that leave a group viable: VFIO's own, and that of ports, which does no DMA.
bool keeps_group_viable(const HostPciFunction& function) {
    return function.driver.empty() || function.driver == kVfioPci || function.driver == "pci-stub" ||
           function.driver == "pcieport";
}

}  // namespace

std::optional<HostPciAddress> HostPciAddress::parse(std::string_view text) noexcept {
    HostPciAddress address;
    if (std::ranges::count(text, ':') == 2) {
        const std::size_t colon = text.find(':');
        const auto domain = number_of<std::uint32_t>(text.substr(0, colon), 16);
        if (!domain) return std::nullopt;
        address.domain = *domain;
        text.remove_prefix(colon + 1);
    }
    const std::size_t colon = text.find(':');
    const std::size_t dot = text.find('.');
    if (colon == std::string_view::npos || dot == std::string_view::npos || dot < colon) return std::nullopt;
    const auto bus = number_of<std::uint8_t>(text.substr(0, colon), 16);
    const auto device = number_of<std::uint8_t>(text.substr(colon + 1, dot - colon - 1), 16);
    const auto function = number_of<std::uint8_t>(text.substr(dot + 1), 8);
    if (!bus || !device || !function || *device > 31 || *function > 7) return std::nullopt;
    address.bus = *bus;
    address.device = *device;
    address.function = *function;
    return address;
}

std::string HostPciAddress::text() const {
    return fmt::format("{:04x}:{:02x}:{:02x}.{}", domain, bus, device, function);
}

bool HostPciFunction::is_bridge() const noexcept { return class_code >> 16 == kBridgeClass; }

std::vector<HostPciFunction> host_pci_functions(const fs::path& root) {
    const HostFacts host{mounted_devices(root), !entries(root / "sys/class/iommu").empty()};
    std::vector<HostPciFunction> all;
    for (const fs::path& device : entries(root / "sys/bus/pci/devices"))
        if (const auto address = HostPciAddress::parse(device.filename().string()))
            all.push_back(read_function(device, *address, host));
    std::ranges::sort(all, {}, &HostPciFunction::address);
    return all;
}

std::vector<const HostPciFunction*> group_mates(const HostPciFunction& function, std::span<const HostPciFunction> all) {
    std::vector<const HostPciFunction*> mates;
    for (const HostPciFunction& other : all)
        if (function.group && other.group == function.group && other.address != function.address &&
            !keeps_group_viable(other))
            mates.push_back(&other);
    return mates;
}

PassVerdict judge_pass(const HostPciFunction& function, std::span<const HostPciFunction> all) {
    using Kind = PassVerdict::Kind;
    if (function.is_bridge()) return {Kind::Impossible, "a bridge stays with the host"};
    if (function.group_comes) return {Kind::NeedsBind, "no driver yet: bind it"};
    if (!function.group)
        return {Kind::Impossible,
                "no IOMMU group: switch the IOMMU on in the firmware, and for Intel's boot with intel_iommu=on"};
    std::string others;
    for (const HostPciFunction* mate : group_mates(function, all))
        others += fmt::format("{}{} ({})", others.empty() ? "" : ", ", mate->address.text(), mate->driver);
    if (!others.empty())
        return {Kind::NeedsBind, fmt::format("shares group {} with {}: bind these, too", *function.group, others)};
    if (function.driver == kVfioPci) return {Kind::Ready, {}};
    return {Kind::NeedsBind, function.driver.empty() ? "no driver yet: bind it" : "bind it"};
}

namespace {

constexpr const char* kListHint = "'qvmctl pass list' names those that there are";

HostPciAddress address_of(const GuestLocation& place) {
    return {.bus = static_cast<std::uint8_t>(place.address >> 8),
            .device = static_cast<std::uint8_t>(place.address >> 3 & 31),
            .function = static_cast<std::uint8_t>(place.address & 7)};
}

void demand_passable(const HostPciFunction& function, std::span<const HostPciFunction> all) {
    const PassVerdict verdict = judge_pass(function, all);
    if (verdict.kind == PassVerdict::Kind::Ready) return;
    std::string text = fmt::format("{} cannot be passed: ", function.address.text());
    if (verdict.kind == PassVerdict::Kind::Impossible) throw HostError{text + verdict.why};
    const auto mates = group_mates(function, all);
    if (!function.driver.empty() && function.driver != kVfioPci)
        text += fmt::format("it has the host's driver {}", function.driver);
    else if (mates.empty())
        text += "it is not bound to vfio-pci";
    else
        text += "it " + verdict.why;
    std::string command = fmt::format("qvmctl pass bind {}", function.address.text());
    for (const HostPciFunction* mate : mates) command += " " + mate->address.text();
    throw HostError{fmt::format("{}\n  {}", text, command)};
}

}  // namespace

const HostPciFunction& choose_passed(const PassLocation& location, std::span<const HostPciFunction> all,
                                     std::span<const HostPciAddress> taken) {
    const GuestLocation& wanted = location.host.value_or(location.guest);
    const auto is_taken = [&](const HostPciFunction& each) {
        return std::ranges::find(taken, each.address) != taken.end();
    };
    const auto is_wanted = [&](const HostPciFunction& each) {
        return wanted.pci_id ? each.id == *wanted.pci_id && !is_taken(each) : each.address == address_of(wanted);
    };
    const auto found = std::ranges::find_if(all, is_wanted);
    if (found == all.end())
        throw ConfigError{location.where,
                          wanted.pci_id
                              ? fmt::format("this host has no PCI function {:04x}:{:04x} that is not passed already",
                                            wanted.pci_id->vendor, wanted.pci_id->device)
                              : fmt::format("this host has no PCI function {}", address_of(wanted).text()),
                          kListHint};
    if (is_taken(*found)) throw ConfigError{location.where, fmt::format("{} is passed twice", found->address.text())};
    demand_passable(*found, all);
    return *found;
}

}  // namespace qvm
