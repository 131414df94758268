// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "vmm/device_memory.hpp"
#include "vmm/kvm.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// Device memory by KVM's memory slots, behind those of the guest's RAM and ROM.
class KvmDeviceMemory final : public DeviceMemory {
public:
    explicit KvmDeviceMemory(Log& log);

    /// Once; gives the kernel what has been noted so far. The slots from `first_slot` on must be free. The VM must
    /// outlive this object's use.
    void bind(const KvmVm& vm, std::uint32_t first_slot) noexcept;

    bool attach(Gpa at, std::span<std::byte> host, bool writable) noexcept override;
    void detach(Gpa at, std::span<std::byte> host) noexcept override;

private:
    /// One memory slot, at the index that counts from first_slot_; free while `host` is empty.
    struct Slot {
        Gpa at{};
        std::span<std::byte> host{};
        bool writable = false;
    };
    [[nodiscard]] bool tell_kernel(std::size_t index, std::uint64_t size) noexcept;
    [[nodiscard]] std::size_t free_slot();

    GuestFault refused_;
    std::mutex mutex_;  // guards everything below
    const KvmVm* vm_ = nullptr;
    std::uint32_t first_slot_ = 0;
    std::vector<Slot> slots_;
};

}  // namespace qvm
