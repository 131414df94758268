// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

namespace qvm {

/// What takes interrupts of passed devices straight into running vCPUs on this host, without the host's kernel; empty
/// if nothing does. Once the VM is made. `root` stands in for `/`.
///
/// Sources: Intel VT-d 4.1, 11.4.2 (CAP_REG.PI) and kvm_intel.enable_apicv; AMD IOMMU 48882, MMIO offset 0030h (GASup)
/// and kvm_amd.avic; for ARM, the doorbells that Linux 6.1 requests for vCPUs with GICv4
/// (arch/arm64/kvm/vgic/vgic-v4.c).
[[nodiscard]] std::string_view posted_interrupts(const std::filesystem::path& root = "/");

}  // namespace qvm
