// SPDX-License-Identifier: Apache-2.0
// `vdev virtio-fs`: a directory of the host (virtio 1.2, 5.11) that a virtiofsd serves.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "devices/virtio/options.hpp"
#include "devices/virtio/vhost_user_device.hpp"

namespace qvm {
namespace {

constexpr std::uint16_t kType = 26;
constexpr std::uint32_t kPciClass = 0x018000;
constexpr unsigned kUrgentQueues = 1;  // hiprio
constexpr std::uint64_t kMostRequestQueues = VirtioVhostUser::kMostQueues - kUrgentQueues;

/// struct virtio_fs_config, which is the front end's: virtiofsd knows no name.
struct FsConfig {
    std::array<char, 36> tag;
    std::uint32_t num_request_queues;
};
static_assert(sizeof(FsConfig) == 40);

constexpr std::array<std::string_view, 2> kTruth{"true", "false"};
constexpr std::string_view kVirtiofsdDecides = "it is virtiofsd's business, see socket";
constexpr OptionSpec kOptions[]{
    kVirtioLoc,
    kVirtioIntr,
    kVirtioLegacy,
    kVirtioRing,
    {.name = "socket", .type = ArgType::String, .help = "where the virtiofsd listens that serves the directory"},
    {.name = "host_path", .type = ArgType::String, .help = "the host's directory", .no_effect = kVirtiofsdDecides},
    {.name = "tag",
     .type = ArgType::String,
     .help = "the name that the guest mounts, at most 36 bytes",
     .fallback = "the vdev's name"},
    {.name = "num_req_queues",
     .type = ArgType::Number,
     .help = "request queues, at most 63 and as many as virtiofsd serves",
     .fallback = "1"},
    {.name = "directio",
     .type = ArgType::Choice,
     .help = "direct I/O",
     .choices = kTruth,
     .no_effect = kVirtiofsdDecides},
    {.name = "sched",
     .type = ArgType::Sched,
     .help = "priority and policy of its threads",
     .no_effect = kVirtiofsdDecides},
};

std::string_view tag_of(const VdevSpec& spec) {
    const OptionValue* const option = spec.find("tag");
    const std::string_view tag = option != nullptr ? std::get<std::string>(option->value) : spec.name();
    if (tag.empty() || tag.size() > FsConfig{}.tag.size())
        throw ConfigError{option != nullptr ? option->where : spec.where, "a tag has 1 to 36 bytes",
                          "write 'tag NAME'; the guest mounts NAME"};
    return tag;
}

std::uint32_t request_queues_of(const VdevSpec& spec) {
    const OptionValue* const option = spec.find("num_req_queues");
    if (option == nullptr) return 1;
    const auto queues = std::get<std::uint64_t>(option->value);
    if (queues == 0 || queues > kMostRequestQueues)
        throw ConfigError{option->where, fmt::format("there are 1 to {} request queues", kMostRequestQueues)};
    return static_cast<std::uint32_t>(queues);
}

const OptionValue& socket_of(const VdevSpec& spec) {
    if (const OptionValue* const option = spec.find("socket")) return *option;
    const auto* const path = spec.get<std::string>("host_path");
    throw ConfigError{spec.where, "virtio-fs needs the socket of the virtiofsd that serves the directory",
                      fmt::format("start 'virtiofsd --socket-path=PATH -o source={}' and write 'socket PATH'",
                                  path != nullptr ? *path : "DIRECTORY")};
}

std::unique_ptr<Vdev> make(const VdevSpec& spec, VdevContext& context) {
    FsConfig config{.tag = {}, .num_request_queues = request_queues_of(spec)};
    std::ranges::copy(tag_of(spec), config.tag.begin());
    const auto bytes = std::as_bytes(std::span{&config, 1});
    const OptionValue& socket = socket_of(spec);
    auto device = std::make_unique<VirtioVhostUser>(
        context, VirtioVhostUser::Settings{.label = virtio_label(spec),
                                           .kind = {.type = kType,
                                                    .pci_class = kPciClass,
                                                    .queues = kUrgentQueues + config.num_request_queues,
                                                    .features = 0},
                                           .socket = &socket,
                                           .queues = spec.find("num_req_queues"),
                                           .own_config = {bytes.begin(), bytes.end()}});
    return make_virtio_vdev(spec, context, std::move(device));
}

}  // namespace

extern constinit const VdevType kVirtioFs{.syntax = {.type = "virtio-fs",
                                                     .summary = "directory of the host",
                                                     .options = kOptions,
                                                     .footprint = kVirtioFootprint},
                                          .acpi_hid = kVirtioAcpiHid,
                                          .make = make,
                                          .level = true};

}  // namespace qvm
