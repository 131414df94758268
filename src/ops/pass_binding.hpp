// SPDX-License-Identifier: Apache-2.0
// Preparing devices of the host for a guest and giving them back. qvm itself never takes a driver from a device;
// this is for the tool that an operator runs.
// Source: driver_override, unbind and drivers_probe in Documentation/ABI/testing/sysfs-bus-pci and sysfs-bus-platform
// of Linux 6.1.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "devices/vfio/host_chip.hpp"
#include "devices/vfio/host_pci.hpp"

namespace qvm {

/// What of a device is needed to give it another driver.
struct PassTarget {
    PassTarget(const HostPciFunction& function);  // NOLINT(google-explicit-constructor): they are one thing here
    PassTarget(const HostChip& chip);             // NOLINT(google-explicit-constructor)
    std::string bus;                              ///< a folder of /sys/bus
    std::string name;                             ///< as there
    std::string driver, driver_override;
    std::string vfio;  ///< the driver of VFIO's for that bus
};

/// One write to a file of sysfs.
struct SysfsWrite {
    std::filesystem::path file;  ///< below the root
    std::string value;
    bool operator==(const SysfsWrite&) const = default;
};

/// Takes devices from their drivers to VFIO's, and remembers in /run/qvm-pass, until the host is booted again, what
/// they had.
class PassBinding {
public:
    /// `root` stands in for `/`.
    explicit PassBinding(std::filesystem::path root = "/") : root_{std::move(root)} {}

    [[nodiscard]] std::vector<SysfsWrite> bind_steps(const PassTarget& target) const;
    /// Back to what was remembered; without that, to whatever driver the kernel finds.
    [[nodiscard]] std::vector<SysfsWrite> restore_steps(const PassTarget& target) const;

    /// Throws HostError that says which step failed and what to do; steps before it stay.
    void bind(const PassTarget& target) const;
    void restore(const PassTarget& target) const;

private:
    struct Record {
        std::string driver{};
        std::string driver_override{};
    };
    [[nodiscard]] std::filesystem::path record_file(const PassTarget& target) const;
    [[nodiscard]] std::optional<Record> recorded(const PassTarget& target) const;
    void remember(const PassTarget& target) const;
    void run(const std::vector<SysfsWrite>& steps) const;
    [[nodiscard]] std::string driver_now(const PassTarget& target) const;

    std::filesystem::path root_;
};

}  // namespace qvm
