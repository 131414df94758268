// SPDX-License-Identifier: Apache-2.0
// The board with every vdev in its place: as far as one gets without guest memory and KVM. A run goes on from here, a
// check ends here.
#pragma once

#include "launcher/assembly.hpp"

namespace qvm {

/// Member order is teardown order, last member first.
struct PlacedBoard {
    /// What cannot be had as configured goes to `diagnostics`, all of it; the board is then incomplete. What is passed
    /// must outlive it. `host_root` stands in for `/` where the host's platform devices are. Throws HostError.
    PlacedBoard(const VmConfig& config, const Catalog& catalog, BoardPlan& plan, const CharHost& host,
                VmControl& control, Diagnostics& diagnostics, const std::filesystem::path& host_root = "/");
    ~PlacedBoard() { machine->be_quiet(); }
    PlacedBoard(const PlacedBoard&) = delete;
    PlacedBoard& operator=(const PlacedBoard&) = delete;

    HostClock clock;
    GuestMemory memory;  ///< still empty
    Buses buses;
    IrqTable irqs;
    std::unique_ptr<Machine> machine;
    AssembledVdevs assembled;
};

}  // namespace qvm
