// SPDX-License-Identifier: Apache-2.0
#include "config/vm_config.hpp"

#include <algorithm>

namespace qvm {

const OptionValue* VdevSpec::find(std::string_view option) const noexcept {
    const auto found = std::find_if(options.rbegin(), options.rend(),
                                    [option](const OptionValue& each) { return each.spec->name == option; });
    return found == options.rend() ? nullptr : &*found;
}

std::string_view VdevSpec::name() const noexcept {
    const auto* found = get<std::string>("name");
    return found ? std::string_view{*found} : std::string_view{};
}

bool VdevSpec::on_pci() const noexcept {
    const PciUse use = syntax->footprint.pci;
    if (use != PciUse::WithoutAddress) return use == PciUse::Always;
    const auto* place = get<GuestLocation>("loc");
    return place == nullptr || place->space == GuestLocation::Space::Pci;
}

PassAttributes pass_attributes(std::string_view letters) noexcept {
    const bool relative = letters.empty() || letters.find_first_of("+-") != std::string_view::npos;
    PassAttributes out{.read = relative, .write = relative};
    bool value = true;
    for (const char letter : letters) {
        if (letter == '+' || letter == '-') value = letter == '+';
        if (letter == 'r') out.read = value;
        if (letter == 'w') out.write = value;
        if (letter == 'c') out.cached = value;
        if (letter == 'n') out.cached = !value;
        if (letter == 'm') out.memory = value;
    }
    return out;
}

}  // namespace qvm
