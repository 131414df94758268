// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm_device_memory.hpp"

namespace qvm {

KvmDeviceMemory::KvmDeviceMemory(Log& log)
    : refused_{log, "a passed device's memory cannot be where the guest wants it: something else is there"} {}

void KvmDeviceMemory::bind(const KvmVm& vm, std::uint32_t first_slot) noexcept {
    const std::scoped_lock lock{mutex_};
    vm_ = &vm;
    first_slot_ = first_slot;
    for (std::size_t i = 0; i < slots_.size(); ++i)
        if (slots_[i].at && !tell_kernel(i, *slots_[i].at, slots_[i].host.size())) slots_[i].at.reset();
}

unsigned KvmDeviceMemory::add(std::span<std::byte> host) { return add(host, 0); }

unsigned KvmDeviceMemory::add_read_only(std::span<std::byte> host) { return add(host, KVM_MEM_READONLY); }

unsigned KvmDeviceMemory::add(std::span<std::byte> host, std::uint32_t flags) {
    const std::scoped_lock lock{mutex_};
    slots_.push_back({host, flags});
    return static_cast<unsigned>(slots_.size() - 1);
}

bool KvmDeviceMemory::show(unsigned number, Gpa at) noexcept {
    const std::scoped_lock lock{mutex_};
    Slot& slot = slots_[number];
    if (slot.at == at) return true;
    hide_locked(number);
    if (vm_ != nullptr && !tell_kernel(number, at, slot.host.size())) return false;
    slot.at = at;
    return true;
}

void KvmDeviceMemory::hide(unsigned number) noexcept {
    const std::scoped_lock lock{mutex_};
    hide_locked(number);
}

void KvmDeviceMemory::hide_locked(unsigned number) noexcept {
    Slot& slot = slots_[number];
    if (!slot.at) return;
    if (vm_ != nullptr) (void)tell_kernel(number, *slot.at, 0);
    slot.at.reset();
}

/// A slot moves by being deleted and made anew: while it is in use the kernel lets nobody change its host pages.
bool KvmDeviceMemory::tell_kernel(std::size_t index, Gpa at, std::uint64_t size) noexcept {
    kvm_userspace_memory_region region{};
    region.slot = first_slot_ + static_cast<std::uint32_t>(index);
    region.flags = slots_[index].flags;
    region.guest_phys_addr = raw(at);
    region.memory_size = size;
    region.userspace_addr = reinterpret_cast<std::uint64_t>(slots_[index].host.data());
    if (::ioctl(vm_->fd(), KVM_SET_USER_MEMORY_REGION, &region) == 0) return true;
    refused_.count();
    return false;
}

}  // namespace qvm
