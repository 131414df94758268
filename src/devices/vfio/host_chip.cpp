// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/host_chip.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "devices/platform/host_iomem.hpp"
#include "devices/platform/host_node.hpp"
#include "vmm/error.hpp"
#include "vmm/host_text.hpp"

namespace qvm {
namespace {

namespace fs = std::filesystem;

constexpr std::array kBuses{"platform", "amba"};
constexpr const char* kAdvice =
    "\n  the kernel's log says why (dmesg); a device that no module can reset needs vfio-platform.reset_required=0";

std::string target_name(const fs::path& link) {
    std::error_code none;
    return fs::read_symlink(link, none).filename().string();
}

/// Of what firmware announces otherwise (ACPI) the kernel's own list has the registers under the device's name. Which
/// is which of several it does not tell.
std::vector<Range> listed_registers(const std::vector<HostResource>& resources, const std::string& name) {
    std::vector<Range> all;
    for (const HostResource& each : resources)
        if (each.name == name) all.push_back(each.range);
    return all.size() == 1 ? all : std::vector<Range>{};
}

std::string cdev_of(const fs::path& device) {
    std::error_code error;
    const fs::directory_iterator found{device / "vfio-dev", error};
    return error || found == fs::directory_iterator{} ? "" : found->path().filename().string();
}

HostChip read_chip(const fs::path& device, const char* bus, const std::vector<HostResource>& resources,
                   const fs::path& root) {
    HostChip chip{.bus = bus, .name = device.filename().string()};
    chip.driver = target_name(device / "driver");
    chip.group = number_of<unsigned>(target_name(device / "iommu_group"), 10);
    chip.cdev = cdev_of(device);
    if (const std::string name = first_line(device / "driver_override"); name != "(null)") chip.driver_override = name;
    const auto node = HostNode::behind(device / "of_node", root);
    chip.registers = node ? node->registers() : listed_registers(resources, chip.name);
    // Linux 6.1, really_probe() and of_iommu_configure().
    chip.group_comes = !chip.group && chip.driver.empty() && node && node->has("iommus");
    if (node && chip.is_vfio()) chip.interrupts = node->interrupts();
    return chip;
}

}  // namespace

VfioIdentity HostChip::identity() const { return {name, group.value(), cdev, kAdvice}; }

std::optional<unsigned> HostChip::region_of(const Range& host) const noexcept {
    const auto found =
        std::ranges::find_if(registers, [&](const Range& each) { return each.contains(host.start(), host.size()); });
    if (found == registers.end()) return std::nullopt;
    return static_cast<unsigned>(found - registers.begin());
}

std::vector<HostChip> host_chips(const fs::path& root) {
    const std::vector<HostResource> resources = host_memory_map(root);
    std::vector<HostChip> all;
    for (const char* bus : kBuses) {
        std::error_code error;
        for (fs::directory_iterator each{root / "sys/bus" / bus / "devices", error}, end; !error && each != end;
             each.increment(error))
            if (HostChip chip = read_chip(each->path(), bus, resources, root); !chip.registers.empty())
                all.push_back(std::move(chip));
    }
    std::ranges::sort(all, {}, &HostChip::name);
    return all;
}

std::vector<const HostChip*> group_mates(const HostChip& chip, std::span<const HostChip> all) {
    std::vector<const HostChip*> mates;
    for (const HostChip& other : all)
        if (chip.group && other.group == chip.group && other.name != chip.name && !other.driver.empty() &&
            !other.is_vfio())
            mates.push_back(&other);
    return mates;
}

PassVerdict judge_pass(const HostChip& chip, std::span<const HostChip> all) {
    using Kind = PassVerdict::Kind;
    if (chip.group_comes) return {Kind::NeedsBind, "no driver yet: bind it"};
    if (!chip.group)
        return {Kind::Impossible, "no IOMMU group: it is not behind an IOMMU, or the host does not use that"};
    std::string others;
    for (const HostChip* mate : group_mates(chip, all))
        others += fmt::format("{}{} ({})", others.empty() ? "" : ", ", mate->name, mate->driver);
    if (!others.empty())
        return {Kind::NeedsBind, fmt::format("shares group {} with {}: bind these, too", *chip.group, others)};
    if (chip.is_vfio()) return {Kind::Ready, {}};
    return {Kind::NeedsBind, chip.driver.empty() ? "no driver yet: bind it" : "bind it"};
}

void throw_needs_bind(const HostChip& chip, std::span<const HostChip> all, const std::string& wanted) {
    const auto mates = group_mates(chip, all);
    std::string what = fmt::format("{} is not bound to {}", chip.name, chip.vfio());
    if (!chip.driver.empty() && !chip.is_vfio())
        what = fmt::format("{} has the host's driver {}", chip.name, chip.driver);
    if (chip.is_vfio()) what = fmt::format("{} {}", chip.name, judge_pass(chip, all).why);
    std::string command = "qvmctl pass bind " + chip.name;
    for (const HostChip* mate : mates) command += " " + mate->name;
    throw HostError{fmt::format("{} cannot be passed: {}\n  {}", wanted, what, command)};
}

}  // namespace qvm
