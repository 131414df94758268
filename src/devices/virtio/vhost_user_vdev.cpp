// SPDX-License-Identifier: Apache-2.0
// `vdev vhost-user`: a device of any type that another process serves.
#include <fmt/format.h>

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "devices/virtio/net_format.hpp"
#include "devices/virtio/net_options.hpp"
#include "devices/virtio/options.hpp"
#include "devices/virtio/vhost_user_device.hpp"

namespace qvm {
namespace {

/// PCI device IDs of virtio are from 0x1040 to 0x107f (virtio 1.2, 4.1.2).
constexpr std::uint64_t kLastType = 0x3f;

constexpr std::uint16_t kNetType = 1;

constexpr OptionSpec kOptions[]{
    kVirtioLoc,
    kVirtioIntr,
    kVirtioLegacy,
    kVirtioRing,
    {.name = "type",
     .type = ArgType::Number,
     .help = "device type of virtio, 1 to 63: 1 network card, 2 disk, 8 SCSI host, ...",
     .required = true},
    {.name = "socket",
     .type = ArgType::String,
     .help = "where the back end listens; it must do so when the VM starts",
     .required = true},
    {.name = "queues",
     .type = ArgType::Number,
     .help = "how many queues, at most 64",
     .fallback = "what the type has, or the back end says"},
    {.name = "config",
     .type = ArgType::Number,
     .help = "bytes of configuration that the back end has, at most 256",
     .fallback = "what types 2, 8 and 19 have, else 0"},
};

/// The option's number, which must be within the limits; nothing if it was not given.
std::optional<std::uint64_t> number(const VdevSpec& spec, std::string_view option, const NumberPair& limits) {
    const OptionValue* const given = spec.find(option);
    if (given == nullptr) return std::nullopt;
    const auto value = std::get<std::uint64_t>(given->value);
    if (value < limits.first || value > limits.second)
        throw ConfigError{given->where, fmt::format("{} is from {} to {}", option, limits.first, limits.second)};
    return value;
}

/// Of a network card, as back ends have none.
std::vector<std::byte> net_config(const VdevSpec& spec, const VmIdentity& vm) {
    const auto& socket = std::get<std::string>(spec.find("socket")->value);
    const MacAddress mac = made_up_mac(vm.system, spec.name().empty() ? socket : std::string{spec.name()});
    std::vector<std::byte> config(sizeof(NetConfig));
    std::memcpy(config.data() + offsetof(NetConfig, mac), mac.data(), mac.size());
    return config;
}

std::unique_ptr<Vdev> make(const VdevSpec& spec, VdevContext& context) {
    VhostUserKind kind = vhost_user_kind(static_cast<std::uint16_t>(number(spec, "type", {1, kLastType}).value_or(0)));
    if (const auto queues = number(spec, "queues", {1, VirtioVhostUser::kMostQueues}))
        kind.queues = static_cast<unsigned>(*queues);
    kind.config_size = number(spec, "config", {0, VhostUserConfig::kMost}).value_or(kind.config_size);
    VirtioVhostUser::Settings settings{.label = virtio_label(spec), .kind = kind};
    if (const OptionValue* const queues = spec.find("queues")) settings.queues_where = queues->where;
    use_socket(settings, *spec.find("socket"));
    if (kind.type == kNetType) settings.own_config = net_config(spec, context.vm());
    auto device = std::make_unique<VirtioVhostUser>(context, std::move(settings));
    return make_virtio_vdev(spec, context, std::move(device));
}

}  // namespace

extern constinit const VdevType kVhostUser{.syntax = {.type = "vhost-user",
                                                      .summary = "device that another process serves",
                                                      .options = kOptions,
                                                      .footprint = kVirtioFootprint},
                                           .acpi_hid = kVirtioAcpiHid,
                                           .make = make,
                                           .level = true};

}  // namespace qvm
