// SPDX-License-Identifier: Apache-2.0
// The host's PCI functions as sysfs shows them, and whether VFIO can have them.
// Source: Documentation/ABI/testing/sysfs-bus-pci and Documentation/driver-api/vfio.rst of Linux 6.1.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/vm_config.hpp"
#include "devices/vfio/dma_space.hpp"

namespace qvm {

struct HostPciAddress {
    std::uint32_t domain = 0;
    std::uint8_t bus = 0;
    std::uint8_t device = 0;    ///< below 32
    std::uint8_t function = 0;  ///< below 8
    // clang-tidy 14 takes the zero inside the generated comparison for a pointer.
    auto operator<=>(const HostPciAddress&) const = default;  // NOLINT(modernize-use-nullptr)

    /// "0000:01:00.0", as in sysfs; the domain may be left out. Nothing if it is no such address.
    [[nodiscard]] static std::optional<HostPciAddress> parse(std::string_view text) noexcept;
    /// With the domain.
    [[nodiscard]] std::string text() const;
};

struct HostPciFunction {
    HostPciAddress address{};
    PciId id{};
    std::uint32_t class_code = 0;  ///< 24 bits
    std::string driver{};          ///< empty if none is bound
    std::string driver_override{};
    std::optional<unsigned> group{};    ///< IOMMU group; nothing without an IOMMU
    bool group_comes = false;           ///< with its first driver: hosts with a device tree find its IOMMU only then
    std::string cdev{};                 ///< "vfio0": its own file below /dev/vfio/devices, where the kernel has such
    std::vector<std::string> in_use{};  ///< what the host does with it: "network interface eth0 is up"

    [[nodiscard]] bool is_bridge() const noexcept;
    /// Of one that has a group.
    [[nodiscard]] VfioIdentity identity() const { return {address.text(), group.value(), cdev, {}}; }
};

inline constexpr std::string_view kVfioPci = "vfio-pci";

/// All of them, by address. `root` stands in for `/`.
[[nodiscard]] std::vector<HostPciFunction> host_pci_functions(const std::filesystem::path& root = "/");

/// Whether a function can be passed to a guest as things are.
struct PassVerdict {
    enum class Kind { Ready, NeedsBind, Impossible };
    Kind kind = Kind::Impossible;
    std::string why{};  ///< what is in the way, and the way out; empty if it is ready
};
[[nodiscard]] PassVerdict judge_pass(const HostPciFunction& function, std::span<const HostPciFunction> all);

/// The function of the host that `pass loc` means: that at an address, or the first of its kind that is not among the
/// `taken`. Throws ConfigError if there is none, HostError if it cannot be passed as things are.
[[nodiscard]] const HostPciFunction& choose_passed(const PassLocation& location, std::span<const HostPciFunction> all,
                                                   std::span<const HostPciAddress> taken);

/// The other functions of its group that must leave their drivers first: a group goes to one user as a whole.
[[nodiscard]] std::vector<const HostPciFunction*> group_mates(const HostPciFunction& function,
                                                              std::span<const HostPciFunction> all);

}  // namespace qvm
