// SPDX-License-Identifier: Apache-2.0
#include "launcher/placed_board.hpp"

namespace qvm {

PlacedBoard::PlacedBoard(const VmConfig& config, const Catalog& catalog, BoardPlan& plan, const CharHost& host,
                         VmControl& control, Diagnostics& diagnostics, const std::filesystem::path& host_root)
    : machine{plan.build({memory, buses, irqs, control, host.log, clock, host.loop})},
      assembled{
          assemble({config, catalog, *machine, memory, buses, irqs, host, control, clock, VdevIndex{config}, host_root},
                   diagnostics)} {}

}  // namespace qvm
