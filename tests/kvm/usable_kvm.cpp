// SPDX-License-Identifier: Apache-2.0
#include "kvm/usable_kvm.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "vmm/error.hpp"
#include "vmm/kvm_uapi.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm::test {

std::optional<std::string> why_kvm_is_unusable() {
    const UniqueFd kvm{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
    if (!kvm) return errno_text("/dev/kvm", errno);
    if (::ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION) return "/dev/kvm is not the KVM that we know";
    const UniqueFd vm{::ioctl(kvm.get(), KVM_CREATE_VM, 0)};
    if (!vm) return errno_text("KVM_CREATE_VM", errno);
    const UniqueFd vcpu{::ioctl(vm.get(), KVM_CREATE_VCPU, 0)};
    if (!vcpu) return errno_text("KVM_CREATE_VCPU", errno);
    return std::nullopt;
}

}  // namespace qvm::test
