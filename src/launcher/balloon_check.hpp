// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostics.hpp"
#include "config/vm_config.hpp"

namespace qvm {

/// Whether a balloon can go with the rest of the configuration: memory that must stay cannot be given back, and there
/// is one balloon.
void check_balloon(const VmConfig& config, Diagnostics& diagnostics);

}  // namespace qvm
