// SPDX-License-Identifier: Apache-2.0
// Preparing the host's PCI functions for a guest and giving them back. qvm itself never takes a driver from a device;
// this is for the tool that an operator runs.
// Source: driver_override, unbind and drivers_probe in Documentation/ABI/testing/sysfs-bus-pci of Linux 6.1.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "devices/vfio/host_pci.hpp"

namespace qvm {

/// One write to a file of sysfs.
struct SysfsWrite {
    std::filesystem::path file;  ///< below the root
    std::string value;
    bool operator==(const SysfsWrite&) const = default;
};

/// Takes functions from their drivers to vfio-pci, and remembers in /run/qvm-pass, until the host is booted again, what
/// they had.
class PassBinding {
public:
    /// `root` stands in for `/`.
    explicit PassBinding(std::filesystem::path root = "/") : root_{std::move(root)} {}

    [[nodiscard]] std::vector<SysfsWrite> bind_steps(const HostPciFunction& function) const;
    /// Back to what was remembered; without that, to whatever driver the kernel finds.
    [[nodiscard]] std::vector<SysfsWrite> restore_steps(const HostPciFunction& function) const;

    /// Throws HostError that says which step failed and what to do; steps before it stay.
    void bind(const HostPciFunction& function) const;
    void restore(const HostPciFunction& function) const;

private:
    struct Record {
        std::string driver{};
        std::string driver_override{};
    };
    [[nodiscard]] std::filesystem::path record_file(const HostPciFunction& function) const;
    [[nodiscard]] std::optional<Record> recorded(const HostPciFunction& function) const;
    void remember(const HostPciFunction& function) const;
    void run(const std::vector<SysfsWrite>& steps) const;
    [[nodiscard]] std::string driver_now(const HostPciFunction& function) const;

    std::filesystem::path root_;
};

}  // namespace qvm
