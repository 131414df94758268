// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "devices/vfio/vfio_device.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// The device behind a descriptor of VFIO's, however that was had. `name` is for messages. Throws HostError.
[[nodiscard]] std::unique_ptr<VfioDevice> make_kernel_device(UniqueFd fd, const std::string& name);

}  // namespace qvm
