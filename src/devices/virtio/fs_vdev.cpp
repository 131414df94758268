// SPDX-License-Identifier: Apache-2.0
// `vdev virtio-fs`: a directory of the host (virtio 1.2, 5.11) that a virtiofsd serves.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>

#include "devices/host/virtiofsd.hpp"
#include "devices/virtio/options.hpp"
#include "devices/virtio/vhost_user_device.hpp"
#include "vmm/error.hpp"

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
constexpr OptionSpec kOptions[]{
    kVirtioLoc,
    kVirtioIntr,
    kVirtioLegacy,
    kVirtioRing,
    {.name = "host_path", .type = ArgType::String, .help = "the host's directory, for which a virtiofsd is started"},
    {.name = "socket",
     .type = ArgType::String,
     .help = "where a virtiofsd listens that serves a directory already, in place of host_path and directio"},
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
     .help = "direct I/O of the guest's is that of the host's file, too",
     .fallback = "false",
     .choices = kTruth},
    {.name = "sched",
     .type = ArgType::Sched,
     .help = "priority and policy of its threads",
     .no_effect = "they are those of virtiofsd"},
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

/// One of this VM's own. It is not there before the VM is more than judged.
void use_virtiofsd(VirtioVhostUser::Settings& settings, const VdevSpec& spec, const OptionValue& path,
                   VdevContext& context) {
    const auto& directory = std::get<std::string>(path.value);
    settings.where = path.where;
    settings.whose = "for " + directory;
    const VmIdentity vm = context.vm();
    if (vm.check || vm.dryrun) return;
    const auto* const direct_io = spec.get<std::string>("directio");
    const Virtiofsd::Wanted wanted{
        .label = settings.label, .directory = directory, .direct_io = direct_io != nullptr && *direct_io == "true"};
    try {
        settings.dial = [virtiofsd = std::make_shared<Virtiofsd>(context.loop(), context.log(), wanted)] {
            return virtiofsd->take_connection();
        };
    } catch (const HostError& error) {
        throw ConfigError{path.where, error.what()};
    }
}

void use_back_end(VirtioVhostUser::Settings& settings, const VdevSpec& spec, VdevContext& context) {
    const OptionValue* const path = spec.find("host_path");
    if (const OptionValue* const socket = spec.find("socket")) return use_socket(settings, *socket);
    if (path != nullptr) return use_virtiofsd(settings, spec, *path, context);
    throw ConfigError{spec.where, "virtio-fs needs a directory", "write 'host_path DIRECTORY', or 'socket PATH'"};
}

std::unique_ptr<Vdev> make(const VdevSpec& spec, VdevContext& context) {
    FsConfig config{.tag = {}, .num_request_queues = request_queues_of(spec)};
    std::ranges::copy(tag_of(spec), config.tag.begin());
    const auto bytes = std::as_bytes(std::span{&config, 1});
    VirtioVhostUser::Settings settings{.label = virtio_label(spec),
                                       .kind = {.type = kType,
                                                .pci_class = kPciClass,
                                                .queues = kUrgentQueues + config.num_request_queues,
                                                .features = 0},
                                       .own_config = {bytes.begin(), bytes.end()}};
    if (const OptionValue* const queues = spec.find("num_req_queues")) settings.queues_where = queues->where;
    use_back_end(settings, spec, context);
    auto device = std::make_unique<VirtioVhostUser>(context, std::move(settings));
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
