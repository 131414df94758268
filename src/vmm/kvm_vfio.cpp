// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm_vfio.hpp"

namespace qvm {
namespace {

UniqueFd make_device(const KvmVm& vm) {
    kvm_create_device request{};
    request.type = KVM_DEV_TYPE_VFIO;
    check("KVM_CREATE_DEVICE for VFIO", ::ioctl(vm.fd(), KVM_CREATE_DEVICE, &request));
    return UniqueFd{static_cast<int>(request.fd)};
}

}  // namespace

KvmVfio::KvmVfio(const KvmVm& vm) : device_{make_device(vm)} {}

void KvmVfio::add_group(int fd) const {
    kvm_device_attr attribute{};
    attribute.group = KVM_DEV_VFIO_GROUP;
    attribute.attr = KVM_DEV_VFIO_GROUP_ADD;
    attribute.addr = reinterpret_cast<std::uint64_t>(&fd);
    check("KVM_DEV_VFIO_GROUP_ADD", ::ioctl(device_.get(), KVM_SET_DEVICE_ATTR, &attribute));
}

}  // namespace qvm
