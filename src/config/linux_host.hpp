// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "config/host_info.hpp"

namespace qvm {

/// The host that this process runs on: its environment, and the regions that /proc/device-tree/reserved-memory and
/// /proc/iomem name. Nothing is read before it is asked for.
class LinuxHost final : public HostInfo {
public:
    /// `root` stands in for `/`.
    explicit LinuxHost(std::filesystem::path root = "/");

    [[nodiscard]] std::optional<std::string> environment(std::string_view name) const override;
    /// A node of the device tree by its name, its `label` or its name before the `@`, in this order; else an entry of
    /// iomem. Errors: no such name, several ranges of that name, no fixed range, an address that is hidden from the
    /// user.
    [[nodiscard]] Parsed<Range> region(std::string_view name) const override;

private:
    std::filesystem::path root_;
};

}  // namespace qvm
