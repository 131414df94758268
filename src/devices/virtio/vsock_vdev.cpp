// SPDX-License-Identifier: Apache-2.0
// `vdev virtio-vsock`.
#include <fmt/format.h>

#include <utility>

#include "config/diagnostics.hpp"
#include "devices/virtio/options.hpp"
#include "devices/virtio/vsock.hpp"
#include "devices/virtio/vsock_kernel.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr OptionSpec kOptions[]{
    kVirtioLoc,
    kVirtioIntr,
    kVirtioLegacy,
    kVirtioRing,
    {.name = "guest-cid",
     .type = ArgType::Number,
     .help = "the guest's address, 3 to 4294967294; with the kernel's sockets, no other guest of the host has it",
     .fallback = "3"},
    {.name = "socket",
     .type = ArgType::String,
     .help = "path of the host's end, a Unix socket; the guest's connection to port N is one to PATH_N",
     .fallback = "the kernel's own sockets, by /dev/vhost-vsock"},
};

std::uint64_t cid_of(const VdevSpec& spec) {
    const OptionValue* const option = spec.find("guest-cid");
    if (option == nullptr) return kVsockFirstGuestCid;
    const auto cid = std::get<std::uint64_t>(option->value);
    if (cid < kVsockFirstGuestCid || cid >= kVsockAnyCid)
        throw ConfigError{option->where, fmt::format("{} cannot be a guest's cid", cid), "write 3 to 4294967294"};
    return cid;
}

void check_path(const OptionValue& socket) {
    const auto& path = std::get<std::string>(socket.value);
    if (path.empty() || !is_socket_path(path + "_4294967295"))
        throw ConfigError{socket.where, "a socket with that path and a port behind it cannot be",
                          "with _ and the port it must have 107 bytes at most"};
}

std::unique_ptr<VirtioDevice> open_socket(const VdevSpec& spec, const OptionValue& socket, VdevContext& context) {
    const auto& path = std::get<std::string>(socket.value);
    try {
        return std::make_unique<UnixVsock>(context, virtio_label(spec), cid_of(spec), path);
    } catch (const HostError& error) {
        throw ConfigError{socket.where, error.what()};
    }
}

std::unique_ptr<VirtioDevice> open_kernel(const VdevSpec& spec, VdevContext& context) {
    try {
        return std::make_unique<KernelVsock>(context, virtio_label(spec), cid_of(spec));
    } catch (const HostError& error) {
        throw ConfigError{spec.where, error.what(),
                          "load the module vhost_vsock and let this user open /dev/vhost-vsock, take another cid, or "
                          "add 'socket PATH'"};
    }
}

std::unique_ptr<VirtioDevice> make_device(const VdevSpec& spec, VdevContext& context) {
    const OptionValue* const socket = spec.find("socket");
    if (socket != nullptr) check_path(*socket);
    const VmIdentity vm = context.vm();
    if (vm.check || vm.dryrun) return std::make_unique<UnixVsock>(context, virtio_label(spec), cid_of(spec), "");
    return socket != nullptr ? open_socket(spec, *socket, context) : open_kernel(spec, context);
}

}  // namespace

extern constinit const VdevType kVirtioVsock{
    .syntax = {.type = "virtio-vsock",
               .summary = "sockets between guest and host",
               .options = kOptions,
               .footprint = kVirtioFootprint},
    .acpi_hid = kVirtioAcpiHid,
    .make = [](const VdevSpec& spec, VdevContext& context) -> std::unique_ptr<Vdev> {
        return make_virtio_vdev(spec, context, make_device(spec, context));
    },
    .level = true};

}  // namespace qvm
