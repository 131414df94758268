// SPDX-License-Identifier: Apache-2.0
// Memory that the host has kept away from its kernel for guests: their RAM, or what holds their images.
#pragma once

#include <filesystem>

#include "devices/platform/host_platform.hpp"

namespace qvm {

/// Set-up only.
class KeptMemory {
public:
    /// `devmem`: `set host-devmem on`. `root` stands in for `/`.
    explicit KeptMemory(bool devmem, const std::filesystem::path& root = "/");

    /// Maps it: from a UIO driver, or by /dev/mem, cached if that is asked for. Throws HostError that says what is in
    /// the way, and the way out; registers of a device that VFIO has are in the way.
    [[nodiscard]] HostRegion map(const Range& host, bool cached) { return platform_.map(host, cached); }

private:
    HostPlatform platform_;
};

}  // namespace qvm
