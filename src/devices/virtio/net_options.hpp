// SPDX-License-Identifier: Apache-2.0
// From the options of `vdev virtio-net` to its settings and its host's end (qvmconf specification 4.3).
#pragma once

#include <string>

#include "config/vm_config.hpp"
#include "devices/vdev.hpp"
#include "devices/virtio/net.hpp"

namespace qvm {

/// Who is at the other end, as `peer` or `tapdev` says.
struct NetPeer {
    enum class Kind : std::uint8_t {
        None,
        Tap,     ///< `/dev/vdevpeers/NAME`: the host's interface NAME
        Guest,   ///< `/dev/qvm/SYSTEM/NAME`: another VM's card
        Socket,  ///< `unix:PATH`: whoever listens there
    };
    Kind kind = Kind::None;
    std::string name{};    ///< of the interface or the card; the path
    std::string system{};  ///< of the other VM
    Location where{};
};

/// Throws ConfigError at the option's place.
[[nodiscard]] NetPeer net_peer(const VdevSpec& spec);
[[nodiscard]] NetSettings net_settings(const VdevSpec& spec, const VmIdentity& vm);
/// Opens the host's end, unless the VM is only judged.
[[nodiscard]] NetHost open_net_host(const VdevSpec& spec, const NetSettings& settings, VdevContext& context);

/// A hardware address of no manufacturer's, the same whenever the names are the same.
[[nodiscard]] MacAddress made_up_mac(std::string_view system, std::string_view card) noexcept;

}  // namespace qvm
