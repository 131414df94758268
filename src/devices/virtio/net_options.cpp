// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/net_options.hpp"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace qvm {
namespace {

constexpr std::uint64_t kMaxPairs = 16;
constexpr std::uint64_t kMinMtu = 68, kMaxMtu = 65535;  // virtio 1.2, 5.1.4.1
/// The mask that switches all on, as the original's documents have it.
constexpr std::uint64_t kWidestPeer = 0x7fc3;

constexpr std::string_view kPeerForms = "a peer is /dev/vdevpeers/INTERFACE, /dev/qvm/SYSTEM/NAME or unix:PATH";

[[nodiscard]] std::string_view after(std::string_view text, std::string_view prefix) noexcept {
    return text.starts_with(prefix) ? text.substr(prefix.size()) : std::string_view{};
}

[[nodiscard]] NetPeer interface(std::string_view name, const Location& where) {
    const bool odd = name.find_first_of("/ \t:") != std::string_view::npos || name == "." || name == "..";
    if (name.empty() || name.size() >= IFNAMSIZ || odd)
        throw ConfigError{where, fmt::format("{} cannot be the name of a network interface", quoted(name)),
                          fmt::format("it has 1 to {} characters and no '/' or ':'", IFNAMSIZ - 1)};
    return {.kind = NetPeer::Kind::Tap, .name = std::string{name}, .where = where};
}

[[nodiscard]] NetPeer other_card(std::string_view path, const Location& where) {
    const std::size_t slash = path.find('/');
    const bool two = slash != std::string_view::npos && path.find('/', slash + 1) == std::string_view::npos;
    if (!two || slash == 0 || slash + 1 == path.size()) throw ConfigError{where, std::string{kPeerForms}};
    return {.kind = NetPeer::Kind::Guest,
            .name = std::string{path.substr(slash + 1)},
            .system = std::string{path.substr(0, slash)},
            .where = where};
}

[[nodiscard]] NetPeer peer_of(const OptionValue& option) {
    const std::string_view text = std::get<std::string>(option.value);
    if (const auto name = after(text, "/dev/vdevpeers/"); !name.empty()) return interface(name, option.where);
    if (const auto path = after(text, "/dev/qvm/"); !path.empty()) return other_card(path, option.where);
    if (const auto path = after(text, "unix:"); !path.empty())
        return {.kind = NetPeer::Kind::Socket, .name = std::string{path}, .where = option.where};
    throw ConfigError{option.where, std::string{kPeerForms}};
}

/// The option's number, or `fallback`. Throws if it is not within the limits.
[[nodiscard]] std::uint64_t number(const VdevSpec& spec, std::string_view option, std::uint64_t fallback,
                                   const NumberPair& limits) {
    const OptionValue* given = spec.find(option);
    if (given == nullptr) return fallback;
    const auto value = std::get<std::uint64_t>(given->value);
    if (value < limits.first || value > limits.second)
        throw ConfigError{given->where, fmt::format("{} is from {} to {}", option, limits.first, limits.second)};
    return value;
}

[[nodiscard]] std::uint64_t offloads(const VdevSpec& spec) {
    const OptionValue* given = spec.find("peerfeats");
    if (given == nullptr) return 0;
    const auto mask = std::get<std::uint64_t>(given->value);
    if ((mask & ~kWidestPeer) != 0)
        throw ConfigError{given->where,
                          fmt::format("peerfeats has bits that are no features of a peer: {:#x}", mask & ~kWidestPeer),
                          fmt::format("the widest mask is {:#x}", kWidestPeer)};
    return mask & net_feature::kOffloads;
}

[[nodiscard]] MacAddress written_mac(const OptionValue& option) {
    const auto& text = std::get<std::string>(option.value);
    MacAddress mac{};
    for (std::size_t i = 0; i < mac.size(); ++i)
        std::from_chars(text.data() + 3 * i, text.data() + 3 * i + 2, mac[i], 16);
    if ((mac[0] & 1) != 0)
        throw ConfigError{option.where, fmt::format("{} is the address of a group, not of a card", text),
                          "its first byte must be even"};
    return mac;
}

}  // namespace

MacAddress made_up_mac(std::string_view system, std::string_view card) noexcept {
    // FNV-1a, 64 bits.
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto mix = [&hash](std::string_view text) {
        for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
    };
    mix(system);
    mix("/");
    mix(card);
    MacAddress mac{};
    for (auto& byte : mac) byte = static_cast<std::uint8_t>(std::exchange(hash, hash >> 8));
    mac[0] = static_cast<std::uint8_t>((mac[0] & 0xfc) | 2);  // one card's, locally administered
    return mac;
}

NetPeer net_peer(const VdevSpec& spec) {
    const OptionValue* const peer = spec.find("peer");
    const OptionValue* const tap = spec.find("tapdev");
    if (peer != nullptr && tap != nullptr)
        throw ConfigError{tap->where, "peer and tapdev both say who is at the other end", "leave one out"};
    if (peer != nullptr) return peer_of(*peer);
    if (tap != nullptr) return interface(std::get<std::string>(tap->value), tap->where);
    return {};
}

NetSettings net_settings(const VdevSpec& spec, const VmIdentity& vm) {
    NetSettings settings;
    const NetPeer peer = net_peer(spec);
    settings.name = spec.name().empty() ? "virtio-net" : fmt::format("virtio-net {}", spec.name());
    const OptionValue* const mac = spec.find("mac");
    settings.mac =
        mac != nullptr ? written_mac(*mac) : made_up_mac(vm.system, spec.name().empty() ? peer.name : spec.name());
    settings.offloads = offloads(spec);
    settings.pairs = static_cast<std::uint16_t>(number(spec, "queues", 1, {1, kMaxPairs}));
    settings.mtu = static_cast<std::uint16_t>(number(spec, "mtu", 0, {kMinMtu, kMaxMtu}));
    if (settings.pairs > 1 && peer.kind != NetPeer::Kind::Tap)
        throw ConfigError{spec.find("queues")->where, "several queues take an interface of the host as the peer"};
    return settings;
}

}  // namespace qvm
