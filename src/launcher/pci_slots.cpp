// SPDX-License-Identifier: Apache-2.0
#include "launcher/pci_slots.hpp"

#include <fmt/format.h>

#include "launcher/line_claims.hpp"

namespace qvm {

namespace {

using Space = GuestLocation::Space;

bool on_bus_0(const GuestLocation& place) noexcept { return place.address < PciSlot::kCount; }

}  // namespace

PciSlots::PciSlots(const VmConfig& config, AddressPlan& addresses) : addresses_{addresses} {
    addresses_.keep(Space::Pci, Range::make(0, 1).value(), "PCI's host bridge");
    kept_.set(0);
    for (const VdevSpec& vdev : config.vdevs)
        if (const auto* place = vdev.get<GuestLocation>("loc")) keep(*place);
    for (const PassSpec& pass : config.passed)
        for (const PassLocation& location : pass.locations) keep(location.guest);
    for (const ReserveSpec& reserve : config.reserved)
        if (const auto* place = std::get_if<GuestLocation>(&reserve.what)) keep(*place);
}

void PciSlots::keep(const GuestLocation& place) {
    if (place.space == Space::Pci && !place.pci_id && on_bus_0(place))
        kept_.set(PciSlot::at(static_cast<unsigned>(place.address)).device());
}

PciSlot PciSlots::take(const VdevSpec& spec) {
    const OptionValue* const option = spec.find("loc");
    if (option == nullptr) return take_next(spec.where, title(spec));
    const auto& place = std::get<GuestLocation>(option->value);
    if (place.space != Space::Pci || place.pci_id)
        throw ConfigError{option->where, fmt::format("{} is a PCI function and needs a slot", title(spec)),
                          "write loc pci:0:DEVICE, or leave it out"};
    return take(place, option->where, title(spec));
}

PciSlot PciSlots::take(const GuestLocation& place, const Location& where, const std::string& owner) {
    if (!on_bus_0(place))
        throw ConfigError{where, "the guest's PCI has bus 0 only",
                          fmt::format("write loc pci:0:{}.{}", place.address >> 3 & 31, place.address & 7)};
    return give(PciSlot::at(static_cast<unsigned>(place.address)), where, owner);
}

PciSlot PciSlots::give(PciSlot slot, const Location& where, const std::string& owner) {
    addresses_.take(Space::Pci, slot.index(), 1, owner, where);
    kept_.set(slot.device());
    tenants_.emplace(slot.index(), Tenant{owner, where});
    return slot;
}

PciSlot PciSlots::take_next(const Location& where, const std::string& owner) {
    return give(next(where, owner), where, owner);
}

PciSlot PciSlots::next(const Location& where, const std::string& owner) const {
    for (unsigned device = 0; device < PciSlot::kDevices; ++device)
        if (!kept_.test(device)) return {device, 0};
    throw ConfigError{where, fmt::format("no PCI slot is left for {}", owner),
                      "give it another function of a device: loc pci:0:DEVICE.FUNCTION"};
}

void PciSlots::check(Diagnostics& diagnostics) const {
    for (const auto& [index, tenant] : tenants_) {
        const PciSlot slot = PciSlot::at(index);
        const PciSlot first{slot.device(), 0};
        if (slot.device() == 0 || tenants_.contains(first.index())) continue;
        diagnostics.error(
            tenant.where,
            fmt::format("no guest finds {} at pci:{}: the device has no function 0", tenant.owner, slot.text()),
            fmt::format("add 'vdev pci-dummy loc pci:{}'", first.text()));
    }
}

}  // namespace qvm
