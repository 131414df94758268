// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/diagnostics.hpp"
#include "config/vm_config.hpp"

namespace qvm {

/// RAM that is passed is no file: other programs, which serve vdevs by vhost-user, cannot have it.
void check_passed_ram(const VmConfig& config, Diagnostics& diagnostics);

}  // namespace qvm
