// SPDX-License-Identifier: Apache-2.0
#include "arch/x86/vdevs.hpp"

#include "arch/x86/ioapic.hpp"
#include "config/board_vdevs.hpp"

namespace qvm::x86 {

extern const VdevType kIoapic;
extern const VdevType kMc146818;
extern const VdevType kPckeyboard;
extern const VdevType kWdtIb700;

namespace {

static_assert(kIoapicSyntax.footprint.size == Ioapic::kWindow && kIoapicSyntax.footprint.lines == Ioapic::kPins);

constexpr std::string_view kDownstream = "apic";

class IoapicVdev final : public Vdev {
public:
    IoapicVdev(const VdevSpec& spec, VdevContext& context) : ioapic_{context.msi()} {
        check_downstream(spec);
        context.map(GuestLocation::Space::Memory, Ioapic::kWindow, ioapic_);
        context.provide(ioapic_);
    }

private:
    static void check_downstream(const VdevSpec& spec) {
        const OptionValue* const option = spec.find("intr");
        if (option == nullptr) return;
        const auto* const intr = std::get_if<IntrSpec>(&option->value);
        if (intr == nullptr || (intr->controller == kDownstream && !intr->line)) return;
        throw ConfigError{option->where, "an ioapic sends its interrupts to the local APICs only", "write `intr apic`"};
    }

    Ioapic ioapic_;
};

constexpr const VdevType* kTypes[]{&kIoapic, &kMc146818, &kPckeyboard, &kWdtIb700};

}  // namespace

constinit const VdevType kIoapic{.syntax = kIoapicSyntax,
                                 .acpi_hid = {},  // the MADT has it
                                 .make = [](const VdevSpec& spec, VdevContext& context) -> std::unique_ptr<Vdev> {
                                     return std::make_unique<IoapicVdev>(spec, context);
                                 }};

std::span<const VdevType* const> vdev_types() noexcept { return kTypes; }

}  // namespace qvm::x86
