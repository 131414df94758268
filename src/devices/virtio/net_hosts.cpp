// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>

#include "devices/host/net_connectors.hpp"
#include "devices/host/stream_link.hpp"
#include "devices/host/unix_socket.hpp"
#include "devices/virtio/net_options.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr std::uint64_t kDefaultMode = 0600, kModeBits = 0777;

/// The card as others can name it. In the runtime directory it has a file of its own beside those of the VM.
[[nodiscard]] NetAddress address_of(const std::filesystem::path& root, std::string_view system, std::string_view card) {
    return {fmt::format("{}/{}", system, card), root / system / fmt::format("{}.net", card)};
}

[[nodiscard]] mode_t bind_mode(const VdevSpec& spec) {
    const auto* const given = spec.get<std::uint64_t>("bind-mode");
    const std::uint64_t mode = given != nullptr ? *given : kDefaultMode;
    if ((mode & ~kModeBits) != 0)
        throw ConfigError{spec.find("bind-mode")->where, fmt::format("{:#o} is no set of access rights", mode),
                          "write an octal number up to 0777"};
    return static_cast<mode_t>(mode);
}

/// What other guests need to find this card.
void require_names(const VdevSpec& spec, const NetPeer& peer, const VmIdentity& vm) {
    if (spec.name().empty() || spec.name().find('/') != std::string_view::npos)
        throw ConfigError{spec.where, "a network card with another guest as its peer needs a name without '/'",
                          "add 'name NAME'; the other guest's peer is then /dev/qvm/SYSTEM/NAME"};
    if (vm.system.empty())
        throw ConfigError{peer.where, "a peer in another guest needs a name for this VM: it could not be called back",
                          "add 'system NAME'"};
    if (peer.system == vm.system && peer.name == spec.name())
        throw ConfigError{peer.where, "the network card would be its own peer"};
}

[[nodiscard]] std::unique_ptr<NetBackend> open_guest(const VdevSpec& spec, const NetSettings& settings,
                                                     const NetPeer& peer, VdevContext& context) {
    const VmIdentity vm = context.vm();
    if (vm.runtime_directory.empty())
        throw ConfigError{peer.where, "this VM has no runtime directory where another guest could find it",
                          "let it write to /run/qvm, or set RUNTIME_DIRECTORY"};
    const auto root = std::filesystem::path{vm.runtime_directory}.parent_path();
    const NetAddress own = address_of(root, vm.system, spec.name()), other = address_of(root, peer.system, peer.name);
    for (const NetAddress& each : {own, other})
        if (!is_socket_path(each.path)) throw ConfigError{peer.where, each.path + " is too long for a socket"};
    auto connector = std::make_unique<PeerConnector>(context.loop(), context.log(), own, other, bind_mode(spec));
    return std::make_unique<StreamLink>(context.loop(), context.log(), settings.name, FrameStream::Headers::Yes,
                                        std::move(connector));
}

[[nodiscard]] std::unique_ptr<NetBackend> open_socket(const NetSettings& settings, const NetPeer& peer,
                                                      VdevContext& context) {
    auto connector = std::make_unique<DialConnector>(context.loop(), context.log(), peer.name);
    return std::make_unique<StreamLink>(context.loop(), context.log(), settings.name, FrameStream::Headers::No,
                                        std::move(connector));
}

[[nodiscard]] std::unique_ptr<VhostNet> open_vhost(const Tap& tap, const OptionValue* option,
                                                   const NetSettings& settings, VdevContext& context) {
    const bool must = option != nullptr && std::get<std::string>(option->value) == "on";
    const bool may = option == nullptr || std::get<std::string>(option->value) == "auto";
    if (!must && !may) return nullptr;
    try {
        return std::make_unique<VhostNet>(context.loop(), tap, settings.pairs);
    } catch (const HostError& error) {
        if (must)
            throw ConfigError{option->where, error.what(),
                              "load the module vhost_net, let this user open /dev/vhost-net, or write 'vhost auto'"};
        context.log().debug(fmt::format("{}: without vhost-net: {}", settings.name, error.what()));
        return nullptr;
    }
}

[[nodiscard]] NetHost open_tap(const VdevSpec& spec, const NetSettings& settings, const NetPeer& peer,
                               VdevContext& context) {
    auto tap = std::make_unique<Tap>(context.loop(), peer.name, settings.pairs);
    auto vhost = open_vhost(*tap, spec.find("vhost"), settings, context);
    return {std::move(tap), std::move(vhost)};
}

}  // namespace

NetHost open_net_host(const VdevSpec& spec, const NetSettings& settings, VdevContext& context) {
    const NetPeer peer = net_peer(spec);
    const VmIdentity vm = context.vm();
    const OptionValue* const vhost = spec.find("vhost");
    if (vhost != nullptr && std::get<std::string>(vhost->value) == "on" && peer.kind != NetPeer::Kind::Tap)
        throw ConfigError{vhost->where, "vhost-net takes an interface of the host as the peer"};
    if (peer.kind == NetPeer::Kind::Guest) require_names(spec, peer, vm);
    if (peer.kind == NetPeer::Kind::Socket && !is_socket_path(peer.name))
        throw ConfigError{peer.where, "the path is too long for a socket"};
    (void)bind_mode(spec);
    if (vm.check) return {std::make_unique<NoPeer>()};
    try {
        switch (peer.kind) {
            case NetPeer::Kind::Tap:
                return open_tap(spec, settings, peer, context);
            case NetPeer::Kind::Guest:
                if (vm.dryrun) break;
                return {open_guest(spec, settings, peer, context)};
            case NetPeer::Kind::Socket:
                return {open_socket(settings, peer, context)};
            case NetPeer::Kind::None:
                break;
        }
    } catch (const HostError& error) {
        throw ConfigError{peer.where, error.what()};
    }
    return {std::make_unique<NoPeer>()};
}

}  // namespace qvm
