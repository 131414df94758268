// SPDX-License-Identifier: Apache-2.0
// What the guest will find where, for people.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/vm_config.hpp"
#include "devices/irq_table.hpp"
#include "devices/pci/host.hpp"
#include "vmm/bus.hpp"

namespace qvm {

struct GuestMap {
    struct Window {
        Range range;
        std::string owner;  ///< "ram", "rom" or the device
    };
    struct Line {
        std::string controller;
        unsigned line;
        std::string owner;
    };
    struct Function {
        std::string slot;  ///< "0:1.0"
        std::string owner;
        std::optional<PciId> id;  ///< nothing if it is not known
        struct Bar {
            unsigned index;
            Range range;  ///< where it begins; the guest may move it
        };
        std::vector<Bar> bars;
        std::string line;  ///< "ioapic:16"; empty if its pin leads nowhere
        unsigned vectors;  ///< of MSI-X
    };
    std::vector<Window> memory;  ///< in order of address, as are the ports
    std::vector<Window> ports;
    std::vector<Line> interrupts;     ///< by controller in file order, then by line
    std::vector<Function> functions;  ///< on PCI, by slot
};

/// `pci` is null if there is none.
[[nodiscard]] GuestMap make_guest_map(const VmConfig& config, const Buses& buses, const IrqTable& irqs,
                                      const PciHost* pci = nullptr);

/// For programs: {"memory": [{"start", "size", "owner"}], "ports": [the same], "interrupts": [{"controller", "line",
/// "owner"}], "pci": [{"slot", "owner", "vendor_id", "device_id", "bars": [{"bar", "start", "size"}], "line",
/// "vectors"}]}, addresses, sizes and ids as "0x...". What a function does not have is left out.
[[nodiscard]] std::string guest_map_to_json(const GuestMap& map);

/// As a table: a title per section, a row per window or line. Sections without rows are left out.
[[nodiscard]] std::string format_guest_map(const GuestMap& map);

}  // namespace qvm
