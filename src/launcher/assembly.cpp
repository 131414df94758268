// SPDX-License-Identifier: Apache-2.0
#include "launcher/assembly.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "launcher/address_plan.hpp"
#include "launcher/declared.hpp"
#include "launcher/line_claims.hpp"
#include "launcher/pci_slots.hpp"

namespace qvm {
namespace {

bool is_reserved(const VmConfig& config, const GuestLocation& place, std::uint64_t size) {
    const auto wanted = Range::make(place.address, size);
    return std::ranges::any_of(config.reserved, [&](const ReserveSpec& reserve) {
        const auto* location = std::get_if<GuestLocation>(&reserve.what);
        if (location == nullptr || location->space == GuestLocation::Space::Pci) return false;
        const bool io = location->space == GuestLocation::Space::Io;
        if (io != (place.space == GuestLocation::Space::Io)) return false;
        const auto range = Range::make(location->address, location->length.value_or(1));
        return wanted && range && wanted->overlaps(*range);
    });
}

/// What has been given away in the guest's address spaces.
struct Places {
    explicit Places(const AssemblyServices& services)
        : addresses{services.config, services.buses}, slots{services.config, addresses} {}
    AddressPlan addresses;
    PciSlots slots;
};

/// What one vdev may touch while it is made.
class Context final : public VdevContext {
public:
    Context(const VdevSpec& spec, const VdevType& type, unsigned ordinal, const AssemblyServices& services,
            Places& places)
        : spec_{spec},
          services_{services},
          places_{places},
          defaults_{services.machine.defaults(type, ordinal)},
          placed_{.type = &type} {}

    void map(GuestLocation::Space space, std::uint64_t size, IoDevice& registers) override {
        const OptionValue* option = spec_.find("loc");
        const Location where = option != nullptr ? option->where : spec_.where;
        const GuestLocation place = location(option, space, size);
        const bool io = place.space == GuestLocation::Space::Io;
        places_.addresses.take(place.space, place.address, size, title(spec_), where);
        const Range range = Range::make(place.address, size).value();
        Bus& bus = io ? services_.buses.pio : services_.buses.mmio;
        if (bus.attach(range, registers, title(spec_)))
            throw ConfigError{where, fmt::format("{} cannot have {:#x}", title(spec_), place.address)};
        placed_.windows.push_back({io, range});
    }

    void doorbell(const Doorbell& bell, int fd) override {
        const PlacedVdev::Window& window = placed_.windows.back();
        if (window.io) return;
        services_.machine.doorbells().attach({window.range.start() + bell.address, bell.width, bell.value}, fd);
    }

    [[nodiscard]] bool on_pci() const override { return spec_.on_pci(); }

    PciFunction& pci(const PciIdentity& identity) override {
        PciHost* const host = services_.machine.pci();
        if (host == nullptr)
            throw ConfigError{spec_.where, fmt::format("{} needs PCI, which this board does not have", title(spec_)),
                              "add 'loc ADDRESS' and 'intr CONTROLLER:LINE'"};
        placed_.slot = places_.slots.take(spec_);
        return host->add(*placed_.slot, identity, {title(spec_), spec_.where}, pci_line());
    }

    IrqLine& irq() override {
        const auto claim = claim_line();
        placed_.interrupts.push_back(claim);
        return claim.chip->line(claim.line);
    }

    void provide(InterruptController& controller) override {
        services_.irqs.add(std::string{controller_name(spec_)}, controller, spec_.where);
        placed_.controller = &controller;
    }

    std::unique_ptr<CharPort> char_port() override { return open_char_port(char_end(spec_), services_.char_host); }
    std::unique_ptr<CharPort> char_port(std::string_view name, std::span<const OptionValue> options) override {
        return open_char_port(char_end(spec_, name, options), services_.char_host);
    }
    [[nodiscard]] VmIdentity vm() const override {
        return {services_.config.system, services_.char_host.runtime_directory, services_.char_host.check != nullptr,
                services_.config.dryrun.has_value()};
    }
    MsiRouter& msi() override { return services_.machine.msi(); }
    const GuestMemory& memory() override { return services_.memory; }
    EventLoop& loop() override { return services_.char_host.loop; }
    Log& log() override { return services_.char_host.log; }
    const Clock& clock() override { return services_.clock; }
    VmControl& control() override { return services_.control; }

    [[nodiscard]] PlacedVdev placed() && { return std::move(placed_); }

private:
    [[nodiscard]] GuestLocation location(const OptionValue* option, GuestLocation::Space space,
                                         std::uint64_t size) const {
        if (option != nullptr) {
            GuestLocation place = std::get<GuestLocation>(option->value);
            if (place.space == GuestLocation::Space::Default) place.space = space;
            if (place.space == GuestLocation::Space::Pci)
                throw ConfigError{option->where, fmt::format("{} is not a PCI device", title(spec_)),
                                  "write loc ADDRESS"};
            return place;
        }
        if (!defaults_.where)
            throw ConfigError{spec_.where, fmt::format("{} needs a place: this board has none for it", title(spec_)),
                              "add 'loc ADDRESS'"};
        if (is_reserved(services_.config, *defaults_.where, size))
            throw ConfigError{spec_.where,
                              fmt::format("{} needs a place: its usual one at {:#x} is reserved", title(spec_),
                                          defaults_.where->address),
                              "add 'loc ADDRESS'"};
        return *defaults_.where;
    }

    /// Where the function's pin leads to if the user says so.
    [[nodiscard]] std::optional<PciHost::Line> pci_line() const {
        const OptionValue* const option = spec_.find("intr");
        if (option == nullptr) return std::nullopt;
        const auto claim = share(services_, std::get<IntrSpec>(option->value), option->where, title(spec_));
        return PciHost::Line{claim.chip->line(claim.line), claim.chip->gsi(claim.line)};
    }

    [[nodiscard]] IrqTable::Claim claim_line() const {
        if (const OptionValue* option = spec_.find("intr"))
            return claim(services_, std::get<IntrSpec>(option->value), option->where, title(spec_));
        if (lost_first_controller(services_)) throw FollowUpError{spec_.where};
        if (!defaults_.line || services_.irqs.controllers().empty())
            throw ConfigError{spec_.where,
                              fmt::format("{} needs an interrupt line: this board has none for it", title(spec_)),
                              "add 'intr CONTROLLER:LINE' behind the controller's own vdev"};
        return services_.irqs.claim_fixed(*defaults_.line, spec_.where, title(spec_));
    }

    const VdevSpec& spec_;
    const AssemblyServices& services_;
    Places& places_;
    Machine::Defaults defaults_;
    PlacedVdev placed_;
};

}  // namespace

AssembledVdevs::AssembledVdevs() = default;
AssembledVdevs::AssembledVdevs(AssembledVdevs&&) noexcept = default;
AssembledVdevs& AssembledVdevs::operator=(AssembledVdevs&&) noexcept = default;
AssembledVdevs::~AssembledVdevs() = default;

AssembledVdevs assemble(const AssemblyServices& services, Diagnostics& diagnostics) {
    AssembledVdevs all;
    if (services.char_host.check == nullptr) all.passed = std::make_unique<PassedDevices>(services);
    Places places{services};
    DeclaredDevices declared{services, places.addresses, places.slots, all.passed.get(), diagnostics};
    std::map<std::string_view, unsigned> ordinals;
    std::size_t vdevs = 0;
    for (const VdevSpec& spec : services.config.vdevs) {
        declared.place_between(vdevs++);
        const unsigned ordinal = ordinals[spec.syntax->type]++;
        if (spec.damaged) continue;
        const VdevType* const type = services.catalog.find(spec.syntax);
        try {
            if (type == nullptr) {
                all.vdevs.push(declared.place(spec));
                continue;
            }
            Context context{spec, *type, ordinal, services, places};
            all.vdevs.push(type->make(spec, context));
            all.placed.push_back(std::move(context).placed());
        } catch (const FollowUpError&) {
            continue;
        } catch (const ConfigError& error) {
            diagnostics.error(error);
        }
    }
    declared.place_between(vdevs);
    // A function 0 may be among what has been lost.
    if (!diagnostics.has_errors()) places.slots.check(diagnostics);
    return all;
}

}  // namespace qvm
