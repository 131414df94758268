// SPDX-License-Identifier: Apache-2.0
// What the guest will find where, for people.
#pragma once

#include <string>
#include <vector>

#include "config/vm_config.hpp"
#include "devices/irq_table.hpp"
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
    std::vector<Window> memory;  ///< in order of address, as are the ports
    std::vector<Window> ports;
    std::vector<Line> interrupts;  ///< by controller in file order, then by line
};

[[nodiscard]] GuestMap make_guest_map(const VmConfig& config, const Buses& buses, const IrqTable& irqs);

/// For programs: {"memory": [{"start", "size", "owner"}], "ports": [the same], "interrupts": [{"controller", "line",
/// "owner"}]}, addresses and sizes as "0x...".
[[nodiscard]] std::string guest_map_to_json(const GuestMap& map);

/// As a table: a title per section, a row per window or line. Sections without rows are left out.
[[nodiscard]] std::string format_guest_map(const GuestMap& map);

}  // namespace qvm
