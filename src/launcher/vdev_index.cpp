// SPDX-License-Identifier: Apache-2.0
#include "launcher/vdev_index.hpp"

namespace qvm {

std::string_view controller_name(const VdevSpec& spec) noexcept {
    return spec.name().empty() ? spec.syntax->type : spec.name();
}

VdevIndex::VdevIndex(const VmConfig& config) {
    for (const VdevSpec& spec : config.vdevs) {
        const auto [entry, is_new] = entries_.try_emplace(controller_name(spec), Entry{&spec, spec.damaged});
        entry->second.damaged = entry->second.damaged || spec.damaged;
    }
}

const VdevSpec* VdevIndex::find(std::string_view name) const noexcept {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : found->second.first;
}

bool VdevIndex::is_damaged(std::string_view name) const noexcept {
    const auto found = entries_.find(name);
    return found != entries_.end() && found->second.damaged;
}

}  // namespace qvm
