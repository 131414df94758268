// SPDX-License-Identifier: Apache-2.0
// A PCI function that does nothing: a guest looks at the other functions of a device only if there is a function 0.
// With `clone` it looks like one of the host, for drivers of passed devices that look for their neighbour.
#include <memory>

#include "devices/pci/function.hpp"
#include "devices/pci/host_identity.hpp"
#include "devices/vdev.hpp"

namespace qvm {

namespace {

/// The vendor of this language's own vdevs (qvmconf specification 5.5), and the class of what fits no other.
constexpr PciIdentity kPlaceholder{.vendor = 0x1c05, .device = 0xffff, .class_code = 0xff'00'00};

/// A check may be made on another host than the one that the file is for.
PciIdentity identity(const VdevSpec& spec, const VdevContext& context) {
    const OptionValue* const clone = spec.find("clone");
    if (clone == nullptr) return kPlaceholder;
    const auto found = read_host_identity(std::get<GuestLocation>(clone->value), clone->where);
    if (found || context.vm().check) return found.value_or(kPlaceholder);
    throw ConfigError{clone->where, "this host has no such PCI function", "`qvmctl pass list` shows those it has"};
}

class PciDummy final : public Vdev {
public:
    PciDummy(const VdevSpec& spec, VdevContext& context) { context.pci(identity(spec, context)); }
};

constexpr OptionSpec kOptions[]{
    {.name = "loc",
     .type = ArgType::Location,
     .help = "its slot, pci:0:device[.function]",
     .fallback = "the next free one"},
    {.name = "clone", .type = ArgType::Location, .help = "the host's PCI function whose identity it has"},
};

}  // namespace

extern constinit const VdevType kPciDummy{
    .syntax = {.type = "pci-dummy",
               .summary = "stands in for a missing PCI function 0",
               .options = kOptions,
               .boards = Boards::Both,
               .footprint = {.pci = PciUse::Always}},
    .acpi_hid = {},
    .make = [](const VdevSpec& spec, VdevContext& context) -> std::unique_ptr<Vdev> {
        return std::make_unique<PciDummy>(spec, context);
    }};

}  // namespace qvm
