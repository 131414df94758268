// SPDX-License-Identifier: Apache-2.0
#include "vcpu/system_sleep.hpp"

#include <algorithm>
#include <utility>

namespace qvm {
namespace {

using Slumber = VcpuThread::Slumber;

bool any(const VcpuGroup& vcpus, Slumber slumber) {
    return std::ranges::any_of(vcpus.vcpus(), [slumber](const auto& vcpu) { return vcpu->slumber() == slumber; });
}

bool all_but(const VcpuGroup& vcpus, const VcpuThread* one) {
    return std::ranges::all_of(vcpus.vcpus(),
                               [one](const auto& vcpu) { return vcpu.get() == one || vcpu->vcpu().is_off(); });
}

/// Of all that ask: Failed as soon as the kernel does not let one sleep, Begun if one does sleep.
Sleep answer(VcpuGroup& vcpus) {
    const VcpuGroup::Pause pause = vcpus.pause();
    Sleep outcome = Sleep::Refused;
    for (const auto& vcpu : vcpus.vcpus()) {
        if (vcpu->slumber() != Slumber::Asks) continue;
        const Sleep sleep = vcpu->vcpu().sleep(all_but(vcpus, vcpu.get()));
        if (sleep == Sleep::Failed) return sleep;
        if (sleep == Sleep::Begun) outcome = sleep;
        vcpu->answer(sleep == Sleep::Begun ? Slumber::Sleeps : Slumber::Awake);
    }
    return outcome;
}

}  // namespace

SystemSleep::Change SystemSleep::serve(VcpuGroup& vcpus) {
    if (!bell_.drain()) return Change::None;
    const Sleep sleep = any(vcpus, Slumber::Asks) ? answer(vcpus) : Sleep::Refused;
    if (sleep == Sleep::Failed) return Change::Failed;
    if (sleep == Sleep::Begun) {
        asleep_ = true;  // even if it is no longer: its waking has rung the bell
        return Change::Asleep;
    }
    const bool slept = std::exchange(asleep_, any(vcpus, Slumber::Sleeps));
    return slept && !asleep_ ? Change::Awake : Change::None;
}

}  // namespace qvm
