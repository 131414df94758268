// SPDX-License-Identifier: Apache-2.0
#include "devices/platform/host_platform.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "devices/platform/host_iomem.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr std::uint64_t kPage = 4 * kKiB;
constexpr const char* kDevmemHint =
    "or write `set host-devmem on`, which takes it behind the back of the host's kernel";

std::string text(const Range& range) { return fmt::format("{:#x} to {:#x}", range.start(), range.last()); }

const UioDevice::Map* map_of(const UioDevice& device, const Range& host) noexcept {
    const auto found = std::ranges::find_if(
        device.maps, [&](const UioDevice::Map& each) { return each.at.contains(host.start(), host.size()); });
    return found != device.maps.end() ? &*found : nullptr;
}

}  // namespace

std::string HostLine::title() const {
    if (uio != nullptr) return fmt::format("the interrupt of {}", uio->title());
    return chip->interrupts() == 1 ? fmt::format("the interrupt of {}", chip->chip().name)
                                   : fmt::format("interrupt {} of {}", index, chip->chip().name);
}

HostPlatform::HostPlatform(bool devmem, DmaSpaceFor space, std::filesystem::path root)
    : devmem_{devmem},
      root_{std::move(root)},
      space_{std::move(space)},
      chips_{host_chips(root_)},
      uio_{uio_devices(root_)} {}

const HostChip* HostPlatform::chip_at(const Range& host) const noexcept {
    const auto found =
        std::ranges::find_if(chips_, [&](const HostChip& each) { return each.region_of(host).has_value(); });
    return found != chips_.end() ? &*found : nullptr;
}

/// A device that is VFIO's.
VfioChip& HostPlatform::open(const HostChip& chip, const std::string& wanted) {
    for (const auto& each : open_)
        if (each->chip().name == chip.name) return *each;
    if (judge_pass(chip, chips_).kind != PassVerdict::Kind::Ready) throw_needs_bind(chip, chips_, wanted);
    return *open_.emplace_back(std::make_unique<VfioChip>(chip, space_(chip.identity()).open(chip.identity())));
}

const UioDevice* HostPlatform::uio_at(const Range& host) const noexcept {
    const auto found = std::ranges::find_if(uio_, [&](const UioDevice& each) { return map_of(each, host) != nullptr; });
    return found != uio_.end() ? &*found : nullptr;
}

HostRegion HostPlatform::map(const Range& host, bool cached) {
    if (const HostChip* const chip = chip_at(host); chip != nullptr && chip->is_vfio())
        return open(*chip, text(host)).map(host);
    const UioDevice* const device = uio_at(host);
    if (device == nullptr && !devmem_) refuse(host);
    refuse_neighbours(host);
    return device != nullptr ? map_uio(*device, host) : map_devmem(host, cached);
}

/// A UIO driver tells whole pages, in which another device may be, too.
void HostPlatform::refuse_neighbours(const Range& host) const {
    const std::vector<HostResource> resources = host_memory_map(root_);
    const HostResource* const other = neighbour_in(resources, host);
    if (other == nullptr) return;
    throw HostError{
        fmt::format("{} cannot be passed: {} has {} of it, says /proc/iomem\n  give the length of the device that "
                    "is meant, as in `loc {:#x},0x100`",
                    text(host), other->name, text(other->range), host.start())};
}

void HostPlatform::refuse_part(const Range& host) const {
    for (const HostChip& chip : chips_)
        for (const Range& each : chip.registers)
            if (chip.is_vfio() && each.overlaps(host))
                throw HostError{
                    fmt::format("{} cannot be passed: {} has {} of it only\n  pass what is the device's alone",
                                text(host), chip.name, text(each))};
    for (const UioDevice& device : uio_)
        for (const UioDevice::Map& each : device.maps)
            if (each.at.overlaps(host))
                throw HostError{
                    fmt::format("{} cannot be passed: {} has {} of it only\n  pass what is the device's alone",
                                text(host), device.title(), text(each.at))};
}

void HostPlatform::refuse(const Range& host) const {
    refuse_part(host);
    const HostChip* const chip = chip_at(host);
    if (chip != nullptr && judge_pass(*chip, chips_).kind == PassVerdict::Kind::NeedsBind)
        throw_needs_bind(*chip, chips_, text(host));
    const std::string owner = resource_at(host_memory_map(root_), host);
    throw HostError{fmt::format(
        "{} cannot be passed: no device of VFIO's or UIO's has it{}\n  bind the device to uio_pdrv_genirq, {}",
        text(host), owner.empty() ? "" : fmt::format(", /proc/iomem names {}", owner), kDevmemHint)};
}

/// The kernel maps a UIO device's map N by the offset of N pages.
HostRegion HostPlatform::map_uio(const UioDevice& device, const Range& host) const {
    const UioDevice::Map& map = *map_of(device, host);
    const std::uint64_t first = host.start() - map.at.start();
    const UniqueFd file = open_uio(device, root_);
    try {
        return {
            Mapping{"mmap", file.get(), align_up(first + host.size(), kPage), static_cast<off_t>(map.index * kPage)},
            first,
            host.size(),
            device.title(),
            nullptr,
            false};
    } catch (const HostError& error) {
        throw HostError{fmt::format("{} of {} cannot be mapped: {}", text(host), device.title(), error.what())};
    }
}

HostRegion HostPlatform::map_devmem(const Range& host, bool cached) const {
    const std::vector<HostResource> resources = host_memory_map(root_);
    if (const auto ram = host_ram_in(resources, host))
        throw HostError{
            fmt::format("{} cannot be passed: {} is the host's own RAM\n  reserve a part of it for the guest "
                        "on the kernel's command line (memmap=, or a node in /reserved-memory)",
                        text(host), text(*ram))};
    const std::filesystem::path path = root_ / "dev/mem";
    const UniqueFd file{::open(path.c_str(), O_RDWR | O_CLOEXEC | (cached ? 0 : O_SYNC))};
    if (file.get() < 0)
        throw HostError{errno_text(fmt::format("cannot open {} for {}", path.string(), text(host)), errno) +
                        "\n  run as root; a locked-down kernel (secure boot) gives it to nobody"};
    const std::uint64_t start = align_down(host.start(), kPage);
    const std::uint64_t first = host.start() - start;
    try {
        return {Mapping{"mmap", file.get(), align_up(first + host.size(), kPage), static_cast<off_t>(start)},
                first,
                host.size(),
                fmt::format("the host's memory at {:#x}", host.start()),
                nullptr,
                true};
    } catch (const HostError& error) {
        const std::string owner = resource_at(resources, host);
        throw HostError{fmt::format("{} cannot be passed: /dev/mem: {}\n  the kernel keeps what a driver has ({})",
                                    text(host), error.what(),
                                    owner.empty() ? "see /proc/iomem" : fmt::format("unbind that of {}", owner))};
    }
}

std::vector<HostLine> HostPlatform::lines_at(const Range& host) {
    std::vector<HostLine> all;
    if (const HostChip* const found = chip_at(host); found != nullptr && found->is_vfio()) {
        const VfioChip& chip = open(*found, text(host));
        for (unsigned i = 0; i < chip.interrupts(); ++i)
            all.push_back({.chip = &chip, .index = i, .number = chip.interrupt(i)});
    } else if (const UioDevice* const device = uio_at(host)) {
        all.push_back({.uio = device, .number = device->interrupt});
    }
    return all;
}

HostLine HostPlatform::line_of(unsigned number) {
    for (const HostChip& chip : chips_)
        for (unsigned i = 0; i < chip.interrupts.size(); ++i)
            if (chip.interrupts[i] == number)
                return {
                    .chip = &open(chip, fmt::format("the host's interrupt {}", number)), .index = i, .number = number};
    const auto found = std::ranges::find(uio_, std::optional{number}, &UioDevice::interrupt);
    if (found != uio_.end()) return {.uio = &*found, .number = number};
    throw HostError{
        fmt::format("no device of VFIO's or UIO's has the host's interrupt {}\n  bind its device to vfio-platform "
                    "(qvmctl pass bind) or uio_pdrv_genirq; 'qvmctl pass list' names those that there are",
                    number)};
}

std::unique_ptr<HostInterrupt> HostPlatform::open_interrupt(const HostLine& line) const {
    if (line.chip != nullptr) return line.chip->open_interrupt(line.index);
    return std::make_unique<UioInterrupt>(*line.uio, open_uio(*line.uio, root_));
}

std::vector<std::string> HostPlatform::reset() {
    std::vector<std::string> kept;
    for (const auto& each : open_)
        if (!each->reset()) kept.push_back(each->chip().name);
    return kept;
}

void HostPlatform::check_ports(const Range& ports) const {
    if (!devmem_)
        throw HostError{
            fmt::format("the host's ports {} cannot be passed: no driver gives them away\n  write `set "
                        "host-devmem on`, which takes them behind the back of the host's kernel",
                        text(ports))};
    const std::string owner = port_driver(host_port_map(root_), ports);
    if (!owner.empty())
        throw HostError{fmt::format("the host's ports {} cannot be passed: {} has them\n  unbind that driver first",
                                    text(ports), owner)};
}

}  // namespace qvm
