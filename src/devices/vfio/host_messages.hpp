// SPDX-License-Identifier: Apache-2.0
// The host's interrupts that stand for a PCI function's messages: how often they came, and on which CPUs they come.
// Source: msi_irqs in Documentation/ABI/testing/sysfs-bus-pci, Documentation/ABI/testing/sysfs-kernel-irq and
// Documentation/core-api/irq/irq-affinity.rst of Linux 6.1.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace qvm {

/// Of all vectors that the function ("0000:01:00.0") has now, on all CPUs; 0 if the host does not say. Begins anew when
/// the vectors do. Reads some files for each vector. `root` stands in for `/`.
[[nodiscard]] std::uint64_t host_messages(const std::string& function, const std::filesystem::path& root = "/");

/// Lets them come on these CPUs of the host (smp_affinity_list). Returns how many the host keeps where they are: those
/// that its kernel manages, or all if this user may not. Reads and writes some files for each vector.
unsigned place_host_messages(const std::string& function, std::span<const std::uint32_t> cpus,
                             const std::filesystem::path& root = "/");

}  // namespace qvm
