// SPDX-License-Identifier: Apache-2.0
// What a configuration may ask for and this version cannot give.
#pragma once

#include "devices/catalog.hpp"
#include "launcher/foreign_board.hpp"

namespace qvm {

/// What is going to happen with a configuration.
enum class Purpose : std::uint8_t { Check, Run };

/// Says what keeps the VM from running here: warnings for a check, errors for a run. What the VM could do without is a
/// warning in any case.
void report_unavailable(const VmConfig& config, const Catalog& catalog, const std::optional<ForeignSign>& foreign,
                        Purpose purpose, Diagnostics& diagnostics);

}  // namespace qvm
