// SPDX-License-Identifier: Apache-2.0
// Options that every virtio vdev has (qvmconf specification 4.3).
#pragma once

#include <array>
#include <string_view>

#include "config/option_spec.hpp"

namespace qvm {

inline constexpr OptionSpec kVirtioLoc{.name = "loc",
                                       .type = ArgType::Location,
                                       .help = "start of its 512 bytes of registers, or pci:BUS:DEVICE[.FUNCTION]",
                                       .fallback = "the next free PCI slot"};
inline constexpr OptionSpec kVirtioIntr{
    .name = "intr", .type = ArgType::Intr, .help = "its interrupt line, if it is not on PCI; a level"};
inline constexpr OptionSpec kVirtioLegacy{
    .name = "legacy",
    .type = ArgType::Flag,
    .help = "the interface of virtio 0.9.5 in place of 1.x, if it is not on PCI, and then with split rings"};
inline constexpr std::array<std::string_view, 2> kVirtioRings{"packed", "split"};
inline constexpr OptionSpec kVirtioRing{.name = "ring",
                                        .type = ArgType::Choice,
                                        .help = "layout of its queues; packed: the driver may choose",
                                        .fallback = "packed",
                                        .choices = kVirtioRings};

/// Registers of a virtio vdev with an address; without one it is on PCI.
inline constexpr VdevFootprint kVirtioFootprint{.size = 0x200, .pci = PciUse::WithoutAddress};

/// How ACPI announces one that is not on PCI; Linux's virtio_mmio looks for it.
inline constexpr std::string_view kVirtioAcpiHid = "LNRO0005";

}  // namespace qvm
