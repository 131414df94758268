// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include "arch/arm64/device_tree.hpp"

namespace qvm::arm64 {

/// The device tree that the host was started with (Documentation/ABI/testing/sysfs-firmware-ofw of Linux 6.1: root
/// reads it). Nothing if the host has none, or does not show it. `root` stands in for `/`.
[[nodiscard]] std::optional<DeviceTree> host_tree(const std::filesystem::path& root = "/");

}  // namespace qvm::arm64
