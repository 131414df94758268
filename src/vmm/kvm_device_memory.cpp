// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm_device_memory.hpp"

#include <algorithm>

namespace qvm {

KvmDeviceMemory::KvmDeviceMemory(Log& log)
    : refused_{log, "device memory cannot be where the guest wants it: something else is there"} {}

void KvmDeviceMemory::bind(const KvmVm& vm, std::uint32_t first_slot) noexcept {
    const std::scoped_lock lock{mutex_};
    vm_ = &vm;
    first_slot_ = first_slot;
    for (std::size_t i = 0; i < slots_.size(); ++i)
        if (!slots_[i].host.empty() && !tell_kernel(i, slots_[i].host.size())) slots_[i] = {};
}

bool KvmDeviceMemory::attach(Gpa at, std::span<std::byte> host, bool writable) noexcept {
    const std::scoped_lock lock{mutex_};
    const std::size_t index = free_slot();
    slots_[index] = {at, host, writable};
    if (vm_ == nullptr || tell_kernel(index, host.size())) return true;
    slots_[index] = {};
    return false;
}

void KvmDeviceMemory::detach(Gpa at, std::span<std::byte> host) noexcept {
    const std::scoped_lock lock{mutex_};
    const auto found = std::ranges::find_if(slots_, [&](const Slot& slot) {
        return slot.at == at && slot.host.data() == host.data() && !slot.host.empty();
    });
    if (found == slots_.end()) return;
    if (vm_ != nullptr) (void)tell_kernel(static_cast<std::size_t>(found - slots_.begin()), 0);
    *found = {};
}

std::size_t KvmDeviceMemory::free_slot() {
    const auto found = std::ranges::find_if(slots_, [](const Slot& slot) { return slot.host.empty(); });
    if (found == slots_.end()) return slots_.emplace_back(), slots_.size() - 1;
    return static_cast<std::size_t>(found - slots_.begin());
}

bool KvmDeviceMemory::tell_kernel(std::size_t index, std::uint64_t size) noexcept {
    const Slot& slot = slots_[index];
    kvm_userspace_memory_region region{};
    region.slot = first_slot_ + static_cast<std::uint32_t>(index);
    region.flags = slot.writable ? 0U : KVM_MEM_READONLY;
    region.guest_phys_addr = raw(slot.at);
    region.memory_size = size;
    region.userspace_addr = reinterpret_cast<std::uint64_t>(slot.host.data());
    if (::ioctl(vm_->fd(), KVM_SET_USER_MEMORY_REGION, &region) == 0) return true;
    refused_.count();
    return false;
}

}  // namespace qvm
