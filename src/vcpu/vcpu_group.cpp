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

}  // namespace qvm
