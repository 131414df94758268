// SPDX-License-Identifier: Apache-2.0
#include "launcher/declared.hpp"

#include <fmt/format.h>

#include "launcher/absent.hpp"
#include "launcher/line_claims.hpp"

namespace qvm {

namespace {

using Space = GuestLocation::Space;

/// Holds the place of a vdev that can only be read.
class AbsentVdev final : public Vdev {
public:
    explicit AbsentVdev(unsigned lines) : controller{lines} {}
    Absent registers;
    AbsentController controller;
};

}  // namespace

std::unique_ptr<Vdev> DeclaredDevices::place(const VdevSpec& spec) {
    const VdevFootprint& footprint = spec.syntax->footprint;
    auto vdev = std::make_unique<AbsentVdev>(footprint.lines);
    const std::string owner = title(spec);
    if (spec.on_pci())
        take_slot(spec);
    else if (const OptionValue* location = spec.find("loc"))
        take_place(spec, *location, vdev->registers);
    if (footprint.lines != 0)
        services_.irqs.add(std::string{controller_name(spec)}, vdev->controller, spec.where);
    else
        for (const OptionValue& option : spec.options) take_lines(spec, option, owner);
    return vdev;
}

void DeclaredDevices::take_slot(const VdevSpec& spec) {
    const PciSlot slot = slots_.take(spec);
    if (PciHost* const host = services_.machine.pci()) host->add(slot, {}, {title(spec), spec.where});
}

void DeclaredDevices::take_place(const VdevSpec& spec, const OptionValue& option, IoDevice& registers) {
    const VdevFootprint& footprint = spec.syntax->footprint;
    GuestLocation place = std::get<GuestLocation>(option.value);
    if (place.space == Space::Default) place.space = footprint.io ? Space::Io : Space::Memory;
    if (place.space == Space::Pci)
        throw ConfigError{option.where, fmt::format("{} is not a PCI device", title(spec)), "write loc ADDRESS"};
    const std::uint64_t size = place.length.value_or(footprint.size);
    if (size == 0) return;
    addresses_.take(place.space, place.address, size, title(spec), option.where);
    Bus& bus = place.space == Space::Io ? services_.buses.pio : services_.buses.mmio;
    (void)bus.attach(Range::make(place.address, size).value(), registers, title(spec));
}

void DeclaredDevices::take_lines(const VdevSpec& spec, const OptionValue& option, const std::string& owner) {
    // An HPET stands in for the timer and the clock of a PC, on their own lines.
    if (const auto* lines = std::get_if<std::vector<IntrSpec>>(&option.value)) {
        for (const IntrSpec& line : *lines)
            if (!line.controller.empty()) check_line(services_, line, option.where);
    }
    const auto* line = std::get_if<IntrSpec>(&option.value);
    if (line == nullptr) return;
    if (spec.on_pci()) return void(share(services_, *line, option.where, owner));
    claim(services_, *line, option.where, owner);
}

void DeclaredDevices::place_between(std::size_t vdevs) {
    const auto& passed = services_.config.passed;
    while (next_pass_ < passed.size() && passed[next_pass_].after_vdevs <= vdevs) place(passed[next_pass_++]);
    const auto& reserved = services_.config.reserved;
    while (next_reserve_ < reserved.size() && reserved[next_reserve_].after_vdevs <= vdevs)
        check(reserved[next_reserve_++]);
}

template <typename Step>
void DeclaredDevices::report(const Step& step) {
    try {
        step();
    } catch (const FollowUpError&) {
        return;
    } catch (const ConfigError& error) {
        diagnostics_.error(error);
    }
}

void DeclaredDevices::place(const PassSpec& pass) {
    std::vector<IrqTable::Claim> lines;
    std::size_t placed = 0;
    for (const PassLocation& location : pass.locations)
        report([&] {
            place(location);
            ++placed;
        });
    for (const PassIntr& intr : pass.interrupts)
        report([&] { lines.push_back(claim(services_, intr.guest, intr.where, "pass")); });
    if (passed_ == nullptr || placed != pass.locations.size() || lines.size() != pass.interrupts.size()) return;
    report([&] { passed_->platform().add(pass, lines); });
}

void DeclaredDevices::place(const PassLocation& location) {
    const GuestLocation& guest = location.guest;
    if (guest.space == Space::Pci) return place_pci(location);
    if (location.is_memory()) return;  // has its place among the guest's memory
    const std::uint64_t size = guest.length.value_or(guest.space == Space::Io ? 1 : kDefaultPassLength);
    addresses_.take(guest.space, guest.address, size, "pass", location.where);
}

/// A device of the host's without a slot for it gets the next one.
void DeclaredDevices::place_pci(const PassLocation& location) {
    const PciSlot slot = location.guest.pci_id ? slots_.take_next(location.where, "pass")
                                               : slots_.take(location.guest, location.where, "pass");
    if (passed_ != nullptr) passed_->add(location, slot);
}

void DeclaredDevices::check(const ReserveSpec& reserve) {
    const auto* intr = std::get_if<IntrSpec>(&reserve.what);
    if (intr == nullptr || intr->controller.empty()) return;
    report([&] { check_line(services_, *intr, reserve.where); });
}

}  // namespace qvm
