// SPDX-License-Identifier: Apache-2.0
#include "launcher/passed_devices.hpp"

#include <fmt/format.h>

#include "config/settings.hpp"
#include "devices/pci/host.hpp"
#include "devices/vfio/posted_interrupts.hpp"

namespace qvm {
namespace {

/// The host's CPUs that messages follow the vCPUs to: nothing if a vCPU may be anywhere, or the user does not want it.
std::vector<CpuList> cpus_of_vcpus(const VmConfig& config) {
    if (!settings_of(config).pass_intr_follow) return {};
    std::vector<CpuList> all;
    for (const CpuSpec& cpu : config.cpus) {
        if (cpu.runmask.empty()) return {};
        all.emplace_back(cpu.runmask.begin(), cpu.runmask.end());
    }
    return all;
}

}  // namespace

PassedDevices::PassedDevices(const AssemblyServices& services)
    : machine_{services.machine},
      host_{services.char_host},
      control_{services.control},
      message_limit_{settings_of(services.config).pass_intr_limit},
      message_cpus_{cpus_of_vcpus(services.config),
                    [this](std::uint64_t address) { return machine_.message_target(address); }},
      open_space_{services.open_space},
      platform_{services, [this](const VfioIdentity& device) -> DmaSpace& { return space_for(device); }} {}

DmaSpace& PassedDevices::space_for(const VfioIdentity& device) {
    if (!space_) space_ = open_space_(device);
    return *space_;
}

std::vector<HostPciAddress> PassedDevices::taken() const {
    std::vector<HostPciAddress> all;
    for (const Device& device : devices_) all.push_back(device.address);
    return all;
}

void PassedDevices::add(const PassLocation& location, PciSlot slot) {
    PciHost* const bus = machine_.pci();
    DeviceMemory* const memory = machine_.device_memory();
    if (bus == nullptr || memory == nullptr) return;  // has been reported
    const auto all = host_pci_functions();
    const HostPciFunction& found = choose_passed(location, all, taken());
    const VfioIdentity identity = found.identity();
    const std::string& name = identity.name;
    Device& device = devices_.emplace_back(Device{found.address, space_for(identity).open(identity), nullptr});
    const PciOwner owner{fmt::format("pass {}", name), location.where};
    const PassedServices services{bus->services(), bus->wire(slot, owner), *memory,      host_.loop, host_.log,
                                  control_,        message_limit_,         message_cpus_};
    device.guest = std::make_unique<PassedFunction>(services, *device.host, slot, owner);
    bus->attach(slot, *device.guest);
}

void PassedDevices::start(const GuestMemory& memory) {
    platform_.reset();
    for (const Device& device : devices_) device.guest->start();
    if (space_) {
        space_->map(memory);
        space_->for_each_file([this](int fd) { machine_.adopt_group(fd); });
    }
    platform_.start();
    if (devices_.empty()) return;
    if (const std::string_view by = posted_interrupts(); !by.empty())
        host_.log.info(fmt::format("messages of passed devices reach running vCPUs by {}", by));
}

std::string PassedDevices::report() const {
    std::string text;
    for (const Device& device : devices_)
        text += fmt::format("\n{}: {} messages; seconds with more than pass-intr-limit: {}", device.address.text(),
                            device.host->messages(), device.guest->storms());
    return text + platform_.report();
}

}  // namespace qvm
