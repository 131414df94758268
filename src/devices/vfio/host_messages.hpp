// SPDX-License-Identifier: Apache-2.0
// The host's interrupts that stand for a PCI function's messages: how often they came, and on which CPUs they come.
// Source: msi_irqs in Documentation/ABI/testing/sysfs-bus-pci, Documentation/ABI/testing/sysfs-kernel-irq and
// Documentation/core-api/irq/irq-affinity.rst of Linux 6.1.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "devices/vfio/message_places.hpp"

namespace qvm {

/// Of all vectors that the function ("0000:01:00.0") has now, on all CPUs; 0 if the host does not say. Begins anew when
/// the vectors do. Reads some files for each vector. `root` stands in for `/`.
[[nodiscard]] std::uint64_t host_messages(const std::string& function, const std::filesystem::path& root = "/");

/// Lets those of each vector come on its CPUs of the host (smp_affinity_list); an empty list leaves them alone. Returns
/// how many the host keeps where they are: those that its kernel manages, or all if this user may not. VFIO's name of
/// an interrupt tells its vector (drivers/vfio/pci/vfio_pci_intrs.c). Reads and writes some files for each vector.
unsigned place_host_messages(const std::string& function, std::span<const CpuList> by_vector,
                             const std::filesystem::path& root = "/");

}  // namespace qvm
