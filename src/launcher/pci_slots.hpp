// SPDX-License-Identifier: Apache-2.0
// Who has which slot of PCI's bus 0 (qvmconf specification 3.1, 1.7: given out in file order).
#pragma once

#include <bitset>
#include <map>
#include <string>

#include "config/vm_config.hpp"
#include "devices/pci/slot.hpp"
#include "launcher/address_plan.hpp"

namespace qvm {

class PciSlots {
public:
    PciSlots(const VmConfig& config, AddressPlan& addresses);

    /// The slot that the vdev's `loc` names, else function 0 of the first device in which nobody has, names or reserves
    /// anything. It is the vdev's then. Throws ConfigError.
    PciSlot take(const VdevSpec& spec);
    /// The slot that `place` names. Throws ConfigError.
    PciSlot take(const GuestLocation& place, const Location& where, const std::string& owner);
    /// Function 0 of the first device in which nobody has, names or reserves anything. Throws ConfigError.
    PciSlot take_next(const Location& where, const std::string& owner);

    /// Functions in devices without a function 0: no guest looks for them.
    void check(Diagnostics& diagnostics) const;

private:
    struct Tenant {
        std::string owner;
        Location where;
    };
    void keep(const GuestLocation& place);
    [[nodiscard]] PciSlot next(const Location& where, const std::string& owner) const;
    PciSlot give(PciSlot slot, const Location& where, const std::string& owner);

    AddressPlan& addresses_;
    std::bitset<PciSlot::kDevices> kept_;  ///< not to be given out by itself
    std::map<unsigned, Tenant> tenants_;   ///< by PciSlot::index()
};

}  // namespace qvm
