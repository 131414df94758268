// SPDX-License-Identifier: Apache-2.0
// What the configuration declares and no vdev of this program is: vdevs that can only be read, and passed devices. They
// get their addresses and lines, so that conflicts with them show in a check.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "launcher/address_plan.hpp"
#include "launcher/assembly.hpp"
#include "launcher/passed_devices.hpp"
#include "launcher/pci_slots.hpp"

namespace qvm {

class DeclaredDevices {
public:
    /// PCI functions that are passed go to `passed`; null: they only get their places.
    DeclaredDevices(const AssemblyServices& services, AddressPlan& addresses, PciSlots& slots, PassedDevices* passed,
                    Diagnostics& diagnostics)
        : services_{services}, addresses_{addresses}, slots_{slots}, passed_{passed}, diagnostics_{diagnostics} {}

    /// What stands where a vdev would be. Throws ConfigError.
    [[nodiscard]] std::unique_ptr<Vdev> place(const VdevSpec& spec);

    /// Places the `pass`es and judges the `reserve`s that stand behind the first `vdevs` vdevs and before the next
    /// one; to be called for each number from 0 on. Errors go to the diagnostics.
    void place_between(std::size_t vdevs);

private:
    template <typename Step>
    void report(const Step& step);
    void place(const PassSpec& pass);
    void place(const PassLocation& location);
    void place_pci(const PassLocation& location);
    void check(const ReserveSpec& reserve);
    void take_slot(const VdevSpec& spec);
    void take_place(const VdevSpec& spec, const OptionValue& option, IoDevice& registers);
    void take_lines(const VdevSpec& spec, const OptionValue& option, const std::string& owner);

    const AssemblyServices& services_;
    AddressPlan& addresses_;
    PciSlots& slots_;
    PassedDevices* passed_;
    Diagnostics& diagnostics_;
    std::size_t next_pass_ = 0;
    std::size_t next_reserve_ = 0;
};

}  // namespace qvm
