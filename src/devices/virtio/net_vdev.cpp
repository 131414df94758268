// SPDX-License-Identifier: Apache-2.0
// `vdev virtio-net`.
#include <array>
#include <utility>

#include "devices/virtio/net_options.hpp"
#include "devices/virtio/options.hpp"

namespace qvm {
namespace {

constexpr std::array<std::string_view, 3> kVhost{"auto", "on", "off"};

constexpr OptionSpec kOptions[]{
    kVirtioLoc,
    kVirtioIntr,
    kVirtioLegacy,
    kVirtioRing,
    {.name = "mac", .type = ArgType::Mac, .help = "its hardware address", .fallback = "made from system and name"},
    {.name = "peer",
     .type = ArgType::String,
     .help = "the other end: /dev/vdevpeers/NAME, an interface of the host; /dev/qvm/SYSTEM/NAME, a card of another "
             "guest; unix:PATH, a program such as passt",
     .fallback = "none: no link"},
    {.name = "peerfeats",
     .type = ArgType::Number,
     .help = "what the other end can do, as feature bits of virtio-net; at most 0x7fc3",
     .fallback = "0"},
    {.name = "bind-mode",
     .type = ArgType::Octal,
     .help = "access rights of its node for other guests",
     .fallback = "0600"},
    {.name = "tapdev", .type = ArgType::String, .help = "older spelling of peer /dev/vdevpeers/NAME"},
    {.name = "queues",
     .type = ArgType::Number,
     .help = "pairs of queues, each with one of the interface's, at most 16",
     .fallback = "1"},
    {.name = "vhost",
     .type = ArgType::Choice,
     .help = "whether the kernel moves frames between the guest and the interface; auto: if it can",
     .fallback = "auto",
     .choices = kVhost},
    {.name = "mtu", .type = ArgType::Number, .help = "largest packet, for the guest's driver", .fallback = "1500"},
};

std::unique_ptr<Vdev> make(const VdevSpec& spec, VdevContext& context) {
    const NetSettings settings = net_settings(spec, context.vm());
    auto device = std::make_unique<VirtioNet>(context, settings, open_net_host(spec, settings, context));
    VirtioNet& net = *device;
    auto vdev = make_virtio_vdev(spec, context, std::move(device));
    net.plug_in();
    return vdev;
}

}  // namespace

extern constinit const VdevType kVirtioNet{
    .syntax = {.type = "virtio-net", .summary = "network card", .options = kOptions, .footprint = kVirtioFootprint},
    .acpi_hid = kVirtioAcpiHid,
    .make = make,
    .level = true};

}  // namespace qvm
