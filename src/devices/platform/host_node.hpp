// SPDX-License-Identifier: Apache-2.0
// Nodes of the host's device tree, as the kernel shows them to everybody: a directory each, a file for each property
// (Documentation/ABI/testing/sysfs-firmware-ofw of Linux 6.1).
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "vmm/units.hpp"

namespace qvm {

class HostNode {
public:
    /// The node behind `link` (`of_node` of a device); nothing if there is none. `root` stands in for `/`.
    [[nodiscard]] static std::optional<HostNode> behind(const std::filesystem::path& link,
                                                        const std::filesystem::path& root);

    /// Its registers as the processor sees them, up to the first that it does not see: so Linux numbers the resources
    /// of a device (drivers/of/platform.c, of_device_alloc()).
    [[nodiscard]] std::vector<Range> registers() const;
    /// The IDs of its interrupts at the host's GIC, in order; nothing for those of other controllers.
    [[nodiscard]] std::vector<std::optional<unsigned>> interrupts() const;
    [[nodiscard]] bool has(std::string_view property) const;

private:
    HostNode(std::filesystem::path node, std::filesystem::path top) : node_{std::move(node)}, top_{std::move(top)} {}
    [[nodiscard]] std::optional<std::filesystem::path> interrupt_parent() const;
    [[nodiscard]] std::optional<std::filesystem::path> by_phandle(std::uint32_t phandle) const;

    std::filesystem::path node_, top_;  // both without links
};

}  // namespace qvm
