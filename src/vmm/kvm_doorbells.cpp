// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm_doorbells.hpp"

namespace qvm {

KvmDoorbells::KvmDoorbells(Log& log)
    : refused_{log, "the kernel refused a doorbell (KVM_IOEVENTFD): the device is slower, and works"} {}

void KvmDoorbells::bind(const KvmVm& vm) noexcept {
    const std::scoped_lock lock{mutex_};
    vm_ = &vm;
    for (const Noted& noted : noted_) tell_kernel(noted, 0);
    noted_.clear();
}

void KvmDoorbells::attach(const Doorbell& bell, int fd) noexcept {
    const std::scoped_lock lock{mutex_};
    if (vm_ == nullptr)
        noted_.push_back({bell, fd});
    else
        tell_kernel({bell, fd}, 0);
}

void KvmDoorbells::detach(const Doorbell& bell, int fd) noexcept {
    const std::scoped_lock lock{mutex_};
    if (vm_ == nullptr)
        std::erase(noted_, Noted{bell, fd});
    else
        tell_kernel({bell, fd}, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

void KvmDoorbells::tell_kernel(const Noted& noted, std::uint32_t flags) noexcept {
    kvm_ioeventfd request{};
    request.addr = noted.bell.address;
    request.len = noted.bell.width;
    request.fd = noted.fd;
    request.flags = flags;
    if (noted.bell.value) {
        request.datamatch = *noted.bell.value;
        request.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
    }
    const bool failed = ::ioctl(vm_->fd(), KVM_IOEVENTFD, &request) < 0;
    // One that was refused is not there to be taken away.
    if (failed && (flags & KVM_IOEVENTFD_FLAG_DEASSIGN) == 0) refused_.count();
}

}  // namespace qvm
