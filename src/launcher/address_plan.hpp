// SPDX-License-Identifier: Apache-2.0
// Who has which guest addresses, ports and PCI slots, with the place in the configuration that says so.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "config/vm_config.hpp"
#include "vmm/bus.hpp"

namespace qvm {

class AddressPlan {
public:
    struct Holder {
        Range range;
        std::string owner;              ///< "ram", "rom" or a device
        std::optional<Location> where;  ///< nothing for what the board has by itself
    };

    /// With the guest's memory and what the board has put on its buses already.
    AddressPlan(const VmConfig& config, const Buses& buses);

    /// What the board has by itself; nobody has it yet.
    void keep(GuestLocation::Space space, const Range& range, const std::string& owner);
    /// Gives `range` to `owner`. Throws ConfigError at `where` with a note at the other place if a part of it is taken
    /// or passes the end of the space. Space::Default is that of memory; a PCI slot is a range of one.
    void take(GuestLocation::Space space, std::uint64_t start, std::uint64_t size, const std::string& owner,
              const Location& where);

private:
    using Holders = std::map<std::uint64_t, Holder>;  ///< by start

    [[nodiscard]] Holders& holders(GuestLocation::Space space) noexcept;
    [[nodiscard]] static const Holder* overlapping(const Holders& holders, const Range& range) noexcept;
    void put(GuestLocation::Space space, Holder holder);

    std::array<Holders, 3> spaces_;
};

}  // namespace qvm
