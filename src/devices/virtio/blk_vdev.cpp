// SPDX-License-Identifier: Apache-2.0
// The options of virtio-blk.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "devices/virtio/blk.hpp"
#include "devices/virtio/options.hpp"

namespace qvm {
namespace {

constexpr std::uint64_t kMostThreads = 32;

constexpr std::array<std::string_view, 2> kEnable{"enable", "disable"};
constexpr OptionSpec kOptions[]{
    kVirtioLoc,
    kVirtioIntr,
    kVirtioLegacy,
    kVirtioRing,
    {.name = "hostdev",
     .type = ArgType::HostDev,
     .help = "file or block device; < makes it read-only; without one there is no disk"},
    {.name = "delayed",
     .type = ArgType::Delay,
     .help = "if it cannot be opened at the start: try again from first use on, for that long; until then the disk is "
             "empty"},
    {.name = "dio",
     .type = ArgType::Choice,
     .help = "direct I/O: past the host's page cache",
     .fallback = "disable",
     .choices = kEnable},
    {.name = "threads",
     .type = ArgType::Number,
     .help = "how many queues, each with a thread, at most 32",
     .fallback = "1"},
    {.name = "discard",
     .type = ArgType::Choice,
     .help = "what the guest discards is freed on the host",
     .fallback = "enable",
     .choices = kEnable},
    {.name = "serial",
     .type = ArgType::String,
     .help = "serial number, at most 20 bytes",
     .fallback = "the vdev's name"},
};

bool is_enabled(const VdevSpec& spec, std::string_view option, bool fallback) {
    const auto* const word = spec.get<std::string>(option);
    return word != nullptr ? *word == "enable" : fallback;
}

unsigned threads_of(const VdevSpec& spec) {
    const OptionValue* const option = spec.find("threads");
    if (option == nullptr) return 1;
    const auto threads = std::get<std::uint64_t>(option->value);
    if (threads == 0 || threads > kMostThreads) throw ConfigError{option->where, "a disk has 1 to 32 threads"};
    return static_cast<unsigned>(threads);
}

std::string thread_name_of(const VdevSpec& spec) {
    return fmt::format("io/{}", spec.name().empty() ? "disk" : spec.name());
}

std::vector<std::string> own_threads(const VdevSpec& spec) {
    const auto* const threads = spec.get<std::uint64_t>("threads");
    std::vector<std::string> names;
    for (unsigned i = 1; threads != nullptr && i < std::min(*threads, kMostThreads); ++i)
        names.push_back(blk_thread_name(thread_name_of(spec), i));
    return names;
}

std::string serial_of(const VdevSpec& spec) {
    const OptionValue* const option = spec.find("serial");
    if (option == nullptr) return std::string{spec.name()};
    const auto& serial = std::get<std::string>(option->value);
    if (serial.size() > kBlkIdSize)
        throw ConfigError{option->where, fmt::format("a serial number has at most {} bytes", kBlkIdSize)};
    return serial;
}

BlockFileOptions file_of(const VdevSpec& spec, const OptionValue& option) {
    const auto& dev = std::get<HostDev>(option.value);
    if (dev.kind != HostDev::Kind::Path) throw ConfigError{option.where, "a disk is a file or a block device"};
    if (dev.direction == HostDev::Direction::Output)
        throw ConfigError{option.where, "a disk that can only be written", "leave out the `>`"};
    return {.path = dev.target,
            .read_only = dev.direction == HostDev::Direction::Input,
            .direct = is_enabled(spec, "dio", false)};
}

const OptionValue& hostdev_of(const VdevSpec& spec) {
    const OptionValue* const hostdev = spec.find("hostdev");
    if (hostdev == nullptr) throw ConfigError{spec.where, "a disk needs a `hostdev`", "such as: hostdev disk.img"};
    return *hostdev;
}

BlkOptions options_of(const VdevSpec& spec) {
    const OptionValue& hostdev = hostdev_of(spec);
    BlkOptions out;
    out.file = file_of(spec, hostdev);
    out.where = hostdev.where;
    out.label = fmt::format("{}: {}", virtio_label(spec), out.file.path);
    out.thread_name = thread_name_of(spec);
    out.serial = serial_of(spec);
    if (const auto* const delayed = spec.get<Delay>("delayed")) out.delayed = *delayed;
    out.discards = is_enabled(spec, "discard", true);
    out.threads = threads_of(spec);
    return out;
}

}  // namespace

extern constinit const VdevType kVirtioBlk{
    .syntax = {.type = "virtio-blk", .summary = "disk", .options = kOptions, .footprint = kVirtioFootprint},
    .acpi_hid = kVirtioAcpiHid,
    .make = [](const VdevSpec& spec, VdevContext& context) -> std::unique_ptr<Vdev> {
        return make_virtio_vdev(spec, context, std::make_unique<VirtioBlk>(context, options_of(spec)));
    },
    .level = true,
    .threads = own_threads};

}  // namespace qvm
