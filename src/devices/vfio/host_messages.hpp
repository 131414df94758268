// SPDX-License-Identifier: Apache-2.0
// How often the host was interrupted by a PCI function's messages, as sysfs counts it.
// Source: msi_irqs in Documentation/ABI/testing/sysfs-bus-pci and Documentation/ABI/testing/sysfs-kernel-irq of Linux
// 6.1.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace qvm {

/// Of all vectors that the function ("0000:01:00.0") has now, on all CPUs; 0 if the host does not say. Begins anew when
/// the vectors do. Reads some files for each vector. `root` stands in for `/`.
[[nodiscard]] std::uint64_t host_messages(const std::string& function, const std::filesystem::path& root = "/");

}  // namespace qvm
