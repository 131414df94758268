// SPDX-License-Identifier: Apache-2.0
#include "launcher/line_claims.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace qvm {

namespace {

bool is_declared(const AssemblyServices& services, std::string_view name) {
    return std::ranges::any_of(services.irqs.controllers(),
                               [&](const IrqTable::Controller& each) { return each.name == name; });
}

/// A vdev of that name further down, or one that is no controller.
void refuse_if_not_ready(const AssemblyServices& services, const std::string& name, const Location& where) {
    if (is_declared(services, name)) return;
    const VdevSpec* const found = services.vdevs.find(name);
    if (services.config.damage.vdevs || services.vdevs.is_damaged(name)) throw FollowUpError{where};
    if (found == nullptr) return;
    if (found->syntax->footprint.lines == 0)
        throw ConfigError{where, fmt::format("'{}' is no interrupt controller", name)}.noting(
            found->where, "it is the name of this vdev");
    throw ConfigError{where, fmt::format("the interrupt controller '{}' is declared later", name),
                      "a controller must stand before those that name it"}
        .noting(found->where, "it is declared here");
}

}  // namespace

std::string title(const VdevSpec& spec) {
    if (spec.name().empty()) return fmt::format("vdev {}", spec.syntax->type);
    return fmt::format("vdev {} '{}'", spec.syntax->type, spec.name());
}

IrqTable::Claim claim(const AssemblyServices& services, const IntrSpec& wanted, const Location& where,
                      const std::string& owner) {
    refuse_if_not_ready(services, wanted.controller, where);
    return services.irqs.claim(wanted, where, owner);
}

IrqTable::Claim share(const AssemblyServices& services, const IntrSpec& wanted, const Location& where,
                      const std::string& owner) {
    refuse_if_not_ready(services, wanted.controller, where);
    return services.irqs.share(wanted, where, owner);
}

void check_line(const AssemblyServices& services, const IntrSpec& wanted, const Location& where) {
    refuse_if_not_ready(services, wanted.controller, where);
    services.irqs.check(wanted, where);
}

bool lost_first_controller(const AssemblyServices& services) noexcept {
    return services.irqs.controllers().empty() &&
           (services.config.damage.vdevs || std::ranges::any_of(services.config.vdevs, &VdevSpec::damaged));
}

}  // namespace qvm
