// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/message_places.hpp"

#include <algorithm>
#include <utility>

namespace qvm {

MessagePlaces::MessagePlaces(MessageCpus cpus) : cpus_{std::move(cpus)} {
    for (const CpuList& each : cpus_.of_vcpus) all_.insert(all_.end(), each.begin(), each.end());
    std::ranges::sort(all_);
    all_.erase(std::unique(all_.begin(), all_.end()), all_.end());
}

const CpuList& MessagePlaces::place(std::uint64_t address) const {
    const std::optional<unsigned> vcpu = cpus_.target ? cpus_.target(address) : std::nullopt;
    return vcpu && *vcpu < cpus_.of_vcpus.size() ? cpus_.of_vcpus[*vcpu] : all_;
}

std::vector<CpuList> MessagePlaces::moves(const ArmedMessages& now) {
    if (std::exchange(arming_, now.arming) != now.arming) placed_.clear();
    placed_.resize(now.addresses.size());
    std::vector<CpuList> moved(placed_.size());
    for (std::size_t vector = 0; vector < placed_.size(); ++vector) {
        const CpuList& wanted = place(now.addresses[vector]);
        if (placed_[vector] != wanted) moved[vector] = placed_[vector] = wanted;
    }
    return moved;
}

}  // namespace qvm
