// SPDX-License-Identifier: Apache-2.0
#include "vcpu/vcpu_kvm.hpp"

#include <atomic>
#include <cerrno>

#include "vcpu/exit_kvm.hpp"

namespace qvm {

Exit KvmVcpu::run() noexcept {
    const int error = fd_.run();
    if (error == 0) return decode(fd_.shared());
    if (error == EINTR || error == EAGAIN) return Resume{};
    return RunFailed{error};
}

// The kernel looks at immediate_exit when KVM_RUN begins; together with a signal to the thread this leaves no moment
// in which a kick could get lost.
void KvmVcpu::kick() noexcept { std::atomic_ref{fd_.shared().immediate_exit}.store(1); }

void KvmVcpu::unkick() noexcept { std::atomic_ref{fd_.shared().immediate_exit}.store(0); }

}  // namespace qvm
