// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/passed_config.hpp"

#include <algorithm>
#include <bitset>

#include "devices/pci/registers.hpp"
#include "vmm/error.hpp"

namespace qvm {

namespace {

using pci::Reg;

constexpr std::size_t at(Reg reg) noexcept { return static_cast<std::size_t>(reg); }

constexpr std::size_t kLegacySize = 256;
constexpr std::size_t kDword = 4;
constexpr std::uint8_t kHeaderForm = 0x7f;  // of HeaderType
constexpr std::size_t kLastCapability = 0xfc;
constexpr std::size_t kExtendedPointer = 0xffc;

/// Capability IDs (PCI Code and ID Assignment 1.11, 2): those that a guest may see. What is not here steers a bridge, a
/// slot or an IOMMU, or moves BARs by itself (Enhanced Allocation).
enum class Id : std::uint8_t {
    PowerManagement = 0x01,
    VitalProductData = 0x03,
    Msi = 0x05,
    VendorSpecific = 0x09,
    SubsystemId = 0x0d,
    Express = 0x10,
    Msix = 0x11,
    Sata = 0x12,
    AdvancedFeatures = 0x13,
};

/// Extended capabilities (the same, 3) that need something outside the function: other functions, an IOMMU of the
/// guest's, BARs that change their size.
enum class ExtendedId : std::uint16_t {
    AlternativeRouting = 0x0e,
    AddressTranslation = 0x0f,
    SingleRootVirtualization = 0x10,
    PageRequest = 0x13,
    ResizableBar = 0x15,
    L1Substates = 0x1e,
    ProcessAddressSpace = 0x1b,
};

constexpr bool is_hidden(std::uint32_t header) noexcept {
    switch (static_cast<ExtendedId>(header & 0xffff)) {
        case ExtendedId::AlternativeRouting:
        case ExtendedId::AddressTranslation:
        case ExtendedId::SingleRootVirtualization:
        case ExtendedId::PageRequest:
        case ExtendedId::ResizableBar:
        case ExtendedId::L1Substates:
        case ExtendedId::ProcessAddressSpace:
            return true;
    }
    return false;
}

/// PCI Power Management 1.2, 3.2.4.
constexpr std::size_t kPowerControl = 4;
constexpr std::byte kPowerState{3};

/// PCI Express Base 5.0, 7.5.3.2.
constexpr std::size_t kExpressFlags = 2;
constexpr std::byte kPortType{0xf0};
constexpr unsigned kPortTypeShift = 4;
constexpr std::uint8_t kEndpoint = 0, kLegacyEndpoint = 1, kRootComplexEndpoint = 9;

}  // namespace

PassedConfig::PassedConfig(VfioDevice& device)
    : device_{device}, size_{std::min<std::size_t>(device.region(VfioDevice::kConfigRegion).size, ConfigSpace::kSize)} {
    std::array<std::byte, ConfigSpace::kSize> all{};
    const auto whole = std::span{all}.first(size_);
    if (size_ < kLegacySize || !device_.read(VfioDevice::kConfigRegion, 0, whole))
        throw HostError{"a passed device does not show its configuration space"};
    for (std::size_t offset = 0; offset < size_; offset += kDword) {
        const auto value = static_cast<std::uint32_t>(pci::load(whole.subspan(offset, kDword)));
        own_.set(offset, value);
        device_values_.set(offset, value);
    }
    if ((device_value<std::uint8_t>(at(Reg::HeaderType)) & kHeaderForm) != 0)
        throw HostError{"a bridge cannot be passed to a guest"};
    own_header();
    link_capabilities();
    hide_extended();
}

void PassedConfig::emulate(std::size_t offset, std::size_t size) noexcept {
    std::ranges::fill(std::span{emulated_}.subspan(offset, size), std::byte{0xff});
}

/// I/O ports are not passed, so that space is always off. The pin's gate is ours, too: the kernel uses the device's own
/// Interrupt Disable to mask it.
void PassedConfig::own_header() {
    constexpr std::uint16_t kOurs = pci::command::kIoSpace | pci::command::kInterruptDisable;
    constexpr std::uint16_t kWatched = pci::command::kInterruptDisable | pci::command::kMemorySpace;
    own_.set(at(Reg::Command), std::uint16_t{0});
    own_.allow(at(Reg::Command), kWatched);
    emulate_bits(at(Reg::Command), static_cast<std::byte>(kOurs & 0xff));
    emulate_bits(at(Reg::Command) + 1, static_cast<std::byte>(kOurs >> 8));
    emulate_bits(at(Reg::Status), static_cast<std::byte>(pci::status::kCapabilitiesList));
    own_.set(at(Reg::HeaderType), std::uint16_t{0});  // and no self-test
    emulate(at(Reg::HeaderType), 2);
    constexpr std::size_t kBarBytes = pci::kBars * sizeof(std::uint32_t);
    for (std::size_t offset = 0; offset < kBarBytes; offset += kDword) own_.set(at(Reg::Bar0) + offset, 0U);
    emulate(at(Reg::Bar0), kBarBytes);
    for (const Reg absent : {Reg::CardbusPointer, Reg::ExpansionRom}) {
        own_.set(at(absent), 0U);
        emulate(at(absent), kDword);
    }
    own_.set(at(Reg::InterruptLine), std::uint16_t{0});  // and the pin
    own_.allow(at(Reg::InterruptLine), std::uint8_t{0xff});
    emulate(at(Reg::InterruptLine), 2);
}

/// Takes what is not to be seen out of the list (PCI 3.0, 6.7). A list that goes in circles ends where it does.
void PassedConfig::link_capabilities() {
    std::size_t link = at(Reg::CapabilitiesPointer);
    own_.set(link, std::uint8_t{0});
    emulate(link, 1);
    std::bitset<kLegacySize> seen;
    const bool has_list = (device_value<std::uint16_t>(at(Reg::Status)) & pci::status::kCapabilitiesList) != 0;
    std::size_t next = has_list ? device_value<std::uint8_t>(link) & kLastCapability : 0;
    while (next >= at(Reg::FirstCapability) && !seen.test(next)) {
        seen.set(next);
        const std::size_t offset = next;
        next = device_value<std::uint8_t>(offset + 1) & kLastCapability;
        if (!keep(device_value<std::uint8_t>(offset), offset)) continue;
        own_.set(link, static_cast<std::uint8_t>(offset));
        link = offset + 1;
        own_.set(link, std::uint8_t{0});
        emulate(link, 1);
    }
    const bool any = link != at(Reg::CapabilitiesPointer);
    own_.set(at(Reg::Status), static_cast<std::uint16_t>(any ? pci::status::kCapabilitiesList : 0U));
    if (capabilities_.power != 0) own_power_state();
    if (capabilities_.express != 0) own_express();
}

/// Of each kind that we take part in, the first.
bool PassedConfig::keep(std::uint8_t id, std::size_t offset) noexcept {
    const auto first = [&](std::size_t& which, std::size_t size) {
        if (which != 0 || offset + size > kLegacySize) return false;
        which = offset;
        return true;
    };
    switch (static_cast<Id>(id)) {
        case Id::PowerManagement:
            return first(capabilities_.power, 8);
        case Id::Msi:
            return first(capabilities_.msi, 24);
        case Id::Express:
            return first(capabilities_.express, 20);
        case Id::Msix:
            return first(capabilities_.msix, 12);
        case Id::VitalProductData:
        case Id::VendorSpecific:
        case Id::SubsystemId:
        case Id::Sata:
        case Id::AdvancedFeatures:
            return true;
    }
    return false;
}

/// The first one cannot be taken out of the list, so all that are hidden stay as capabilities of no kind (PCI Express
/// Base 5.0, 7.9.28: the Null Capability, which software skips).
void PassedConfig::hide_extended() noexcept {
    std::bitset<ConfigSpace::kSize> seen;
    for (std::size_t offset = kLegacySize; offset >= kLegacySize && offset + kDword <= size_ && !seen.test(offset);) {
        seen.set(offset);
        const auto header = device_value<std::uint32_t>(offset);
        if (is_hidden(header)) {
            own_.set(offset, header & 0xfff0'0000);
            emulate(offset, kDword);
        }
        offset = header >> 20 & kExtendedPointer;
    }
}

/// The device stays in D0: asleep it would not answer for its BARs, which the guest reaches without us.
void PassedConfig::own_power_state() noexcept {
    const std::size_t control = capabilities_.power + kPowerControl;
    const auto value = own_.get<std::uint8_t>(control);
    own_.set(control, static_cast<std::uint8_t>(value & ~std::to_integer<unsigned>(kPowerState)));
    own_.allow(control, std::to_integer<std::uint8_t>(kPowerState));
    emulate_bits(control, kPowerState);
}

/// On the guest's bus 0 there is no port above it, which only integrated endpoints may do without.
void PassedConfig::own_express() noexcept {
    const std::size_t flags = capabilities_.express + kExpressFlags;
    const auto value = own_.get<std::uint8_t>(flags);
    const unsigned type = value >> kPortTypeShift;
    if (type != kEndpoint && type != kLegacyEndpoint) return;
    own_.set(flags, static_cast<std::uint8_t>((value & 0xfU) | kRootComplexEndpoint << kPortTypeShift));
    emulate_bits(flags, kPortType);
}

void PassedConfig::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    if (offset >= size_) {
        std::ranges::fill(data, std::byte{0});
        return;
    }
    (void)device_.read(VfioDevice::kConfigRegion, offset, data);
    std::array<std::byte, kDword> own{};
    own_.read(offset, std::span{own}.first(std::min(data.size(), own.size())));
    for (std::size_t i = 0; i < data.size() && i < own.size(); ++i) {
        const std::byte ours = emulated_[offset + i];
        data[i] = (data[i] & ~ours) | (own[i] & ours);
    }
}

/// The device gets zeros where the bits are ours: that is what off, D0 and nothing to clear are. Of whole bytes that
/// are ours it hears nothing.
void PassedConfig::write_device(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    if (offset + data.size() > size_ || data.size() > kDword) return;
    std::array<std::byte, kDword> out{};
    std::size_t first = 0;
    for (std::size_t i = 0; i <= data.size(); ++i) {
        const bool ours = i == data.size() || emulated_[offset + i] == std::byte{0xff};
        if (!ours) {
            out[i] = data[i] & ~emulated_[offset + i];
            continue;
        }
        if (i != first)
            (void)device_.write(VfioDevice::kConfigRegion, offset + first, std::span{out}.subspan(first, i - first));
        first = i + 1;
    }
}

std::uint16_t PassedConfig::command() const noexcept { return own_.get<std::uint16_t>(at(Reg::Command)); }

bool PassedConfig::is_awake() const noexcept {
    return capabilities_.power == 0 ||
           (own_.get<std::uint8_t>(capabilities_.power + kPowerControl) & std::to_integer<unsigned>(kPowerState)) == 0;
}

}  // namespace qvm
