// SPDX-License-Identifier: Apache-2.0
// What is in the way of VFIO, with the way out. All throw HostError.
#pragma once

#include <span>
#include <string>

#include "vmm/units.hpp"

namespace qvm {

/// A file of VFIO's that could not be opened.
[[noreturn]] void throw_vfio_open_error(const std::string& path, int error);

/// Guest memory that could not be given to devices by `call`.
[[noreturn]] void throw_dma_error(const Range& memory, const char* call, int error);

/// An IOMMU that is not to be had; `module` has the parameter that allows one without interrupt remapping.
[[noreturn]] void throw_iommu_error(const char* call, const char* module, int error);

/// Returns if devices can reach all of `memory`.
void demand_usable(const Range& memory, std::span<const Range> usable);

}  // namespace qvm
