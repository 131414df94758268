// SPDX-License-Identifier: Apache-2.0
// Who has which of the host's addresses and ports, as /proc/iomem and /proc/ioports tell (Linux 6.1,
// kernel/resource.c). Without CAP_SYS_ADMIN the kernel shows all addresses as zero: nothing is found then.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vmm/units.hpp"

namespace qvm {

struct HostResource {
    Range range;
    unsigned depth = 0;  ///< 0 is outermost; each lies in the last one before it that is less deep
    std::string name{};
    bool inner = false;  ///< nothing lies in it
};

/// In the kernel's order. Lines that are not understood are left out.
[[nodiscard]] std::vector<HostResource> host_memory_map(const std::filesystem::path& root = "/");
[[nodiscard]] std::vector<HostResource> host_port_map(const std::filesystem::path& root = "/");

/// The innermost resource that overlaps `range`; empty if there is none.
[[nodiscard]] std::string resource_at(const std::vector<HostResource>& all, const Range& range);

/// Something that `range` reaches into although it begins in something else, or in nothing; null if there is none.
[[nodiscard]] const HostResource* neighbour_in(const std::vector<HostResource>& all, const Range& range);

/// RAM that the host's kernel uses; nothing if none is in `range`.
[[nodiscard]] std::optional<Range> host_ram_in(const std::vector<HostResource>& all, const Range& range);

/// The name of a driver of the host that has ports in `range`, as far as names tell: those of buses and of devices
/// that firmware or PCI announces are no drivers. Empty if there is none.
[[nodiscard]] std::string port_driver(const std::vector<HostResource>& all, const Range& range);

}  // namespace qvm
