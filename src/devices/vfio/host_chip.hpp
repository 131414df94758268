// SPDX-License-Identifier: Apache-2.0
// The host's devices that are not on PCI, as sysfs shows them, and whether VFIO can have them.
// Source: Documentation/ABI/testing/sysfs-bus-platform, Documentation/driver-api/vfio.rst, drivers/vfio/platform/ and
// drivers/amba/bus.c of Linux 6.1.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "devices/vfio/dma_space.hpp"
#include "devices/vfio/host_pci.hpp"
#include "vmm/units.hpp"

namespace qvm {

struct HostChip {
    std::string bus{};   ///< "platform" or "amba"
    std::string name{};  ///< "9010000.rtc"
    std::string driver{};
    std::string driver_override{};
    std::optional<unsigned> group{};                    ///< IOMMU group
    bool group_comes = false;                           ///< with its first driver: the host's tree names its IOMMU
    std::string cdev{};                                 ///< as HostPciFunction::cdev
    std::vector<Range> registers{};                     ///< host-physical; region N of VFIO's is the one with index N
    std::vector<std::optional<unsigned>> interrupts{};  ///< GIC's IDs, as VFIO counts; only of those that VFIO has

    /// The driver of VFIO's for its bus: "vfio-platform".
    [[nodiscard]] std::string vfio() const { return "vfio-" + bus; }
    [[nodiscard]] bool is_vfio() const { return driver == vfio(); }
    /// Of one that has a group.
    [[nodiscard]] VfioIdentity identity() const;
    /// Which of its registers hold all of `host`.
    [[nodiscard]] std::optional<unsigned> region_of(const Range& host) const noexcept;
};

/// Those that have registers in memory. `root` stands in for `/`.
[[nodiscard]] std::vector<HostChip> host_chips(const std::filesystem::path& root = "/");

/// As judge_pass() of a PCI function. Whether PCI functions share its group is not looked at: the kernel does.
[[nodiscard]] PassVerdict judge_pass(const HostChip& chip, std::span<const HostChip> all);

/// The others of its group that must leave their drivers first.
[[nodiscard]] std::vector<const HostChip*> group_mates(const HostChip& chip, std::span<const HostChip> all);

/// HostError: a chip that needs `qvmctl pass bind`, with the command. `wanted` is what was asked for.
[[noreturn]] void throw_needs_bind(const HostChip& chip, std::span<const HostChip> all, const std::string& wanted);

}  // namespace qvm
