// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include "config/vm_config.hpp"
#include "devices/pci/function.hpp"

namespace qvm {

/// What a PCI function of the host says of itself; nothing if the host has none there. `root` stands in for `/`. Throws
/// ConfigError at `where` if `address` is no place of a function.
[[nodiscard]] std::optional<PciIdentity> read_host_identity(const GuestLocation& address, const Location& where,
                                                            const std::filesystem::path& root = "/");

}  // namespace qvm
