// SPDX-License-Identifier: Apache-2.0
// What of the host's memory and interrupts this process can have: from a UIO driver, or, if the user has allowed it, by
// /dev/mem, which asks no driver (qvmconf specification 2.7).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "devices/platform/passed_region.hpp"
#include "devices/platform/uio.hpp"

namespace qvm {

/// Set-up only. Functions throw HostError that says what is in the way, and the way out.
class HostPlatform {
public:
    /// `devmem`: `set host-devmem on`. `root` stands in for `/`.
    explicit HostPlatform(bool devmem, std::filesystem::path root = "/");

    /// Maps it. `cached`: as ordinary memory, which a UIO driver does not give.
    [[nodiscard]] HostRegion map(const Range& host, bool cached) const;
    /// The UIO device that has all of it; null if there is none.
    [[nodiscard]] const UioDevice* device_at(const Range& host) const noexcept;

    /// The UIO device that has the host interrupt of this number.
    [[nodiscard]] const UioDevice& device_of_interrupt(unsigned number) const;
    [[nodiscard]] std::unique_ptr<HostInterrupt> open_interrupt(const UioDevice& device) const;

    /// Whether `ports` may be had: `devmem` allows it, and no driver of the host has them.
    void check_ports(const Range& ports) const;

private:
    void refuse_neighbours(const Range& host) const;
    [[nodiscard]] HostRegion map_uio(const UioDevice& device, const Range& host) const;
    [[nodiscard]] HostRegion map_devmem(const Range& host, bool cached) const;
    [[noreturn]] void refuse(const Range& host) const;

    const bool devmem_;
    const std::filesystem::path root_;
    const std::vector<UioDevice> uio_;
};

}  // namespace qvm
