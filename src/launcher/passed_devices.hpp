// SPDX-License-Identifier: Apache-2.0
// The devices that the host gives to the guest.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "devices/vfio/dma_space.hpp"
#include "devices/vfio/host_pci.hpp"
#include "devices/vfio/passed_function.hpp"
#include "launcher/assembly.hpp"
#include "launcher/passed_platform.hpp"

namespace qvm {

/// Made and used on the main thread. Destruction takes the devices from the guest and gives them back to VFIO.
class PassedDevices {
public:
    explicit PassedDevices(const AssemblyServices& services);
    PassedDevices(const PassedDevices&) = delete;
    PassedDevices& operator=(const PassedDevices&) = delete;

    /// Opens the host's function that `location` names and puts it into the guest's slot. Throws ConfigError or
    /// HostError, which say what is in the way.
    void add(const PassLocation& location, PciSlot slot);
    [[nodiscard]] PassedPlatform& platform() noexcept { return platform_; }

    /// The VM is made and `memory` is filled: from now on devices reach that, and the guest reaches them. Throws
    /// HostError.
    void start(const GuestMemory& memory);

    /// A line for each, with a line end before it: how many messages the host has had of it, and what was held
    /// back; and for what is not on PCI, see PassedPlatform::report().
    [[nodiscard]] std::string report() const;

private:
    struct Device {
        HostPciAddress address;
        std::unique_ptr<VfioDevice> host;
        std::unique_ptr<PassedFunction> guest;
    };
    [[nodiscard]] std::vector<HostPciAddress> taken() const;
    [[nodiscard]] DmaSpace& space_for(const VfioIdentity& device);

    Machine& machine_;
    const CharHost& host_;
    VmControl& control_;
    const std::optional<std::uint64_t> message_limit_;
    const MessageCpus message_cpus_;
    const DmaSpaceOpener open_space_;
    std::unique_ptr<DmaSpace> space_{};  ///< outlives the devices
    std::vector<Device> devices_;
    PassedPlatform platform_;
};

}  // namespace qvm
