// SPDX-License-Identifier: Apache-2.0
#include "vcpu/vcpu_group.hpp"

namespace qvm {

void VcpuGroup::release() {
    const std::scoped_lock lock{mutex_};
    released_ = true;
    if (pauses_ != 0) return;
    for (const auto& vcpu : vcpus_) vcpu->release();
}

VcpuGroup::Pause VcpuGroup::pause() {
    const std::scoped_lock lock{mutex_};
    if (pauses_++ == 0 && released_) {
        for (const auto& vcpu : vcpus_) vcpu->pause();
        for (const auto& vcpu : vcpus_) vcpu->wait_until_paused();
    }
    return Pause{*this};
}

void VcpuGroup::resume() {
    const std::scoped_lock lock{mutex_};
    if (--pauses_ != 0 || !released_) return;
    for (const auto& vcpu : vcpus_) vcpu->release();
}

bool VcpuGroup::is_stuck() {
    last_seen_.resize(vcpus_.size());
    bool stuck = false;
    for (std::size_t i = 0; i < vcpus_.size(); ++i) {
        const std::uint64_t since = vcpus_[i]->handling_since();
        stuck = stuck || (since != 0 && since == last_seen_[i]);
        last_seen_[i] = since;
    }
    return stuck;
}

}  // namespace qvm
