// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "vmm/device_memory.hpp"
#include "vmm/kvm.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// Device memory by KVM's memory slots (KVM_SET_USER_MEMORY_REGION), behind those of the guest's RAM and ROM.
class KvmDeviceMemory final : public DeviceMemory {
public:
    explicit KvmDeviceMemory(Log& log);

    /// Once; gives the kernel what is shown already. The slots from `first_slot` on must be free. The VM must outlive
    /// this object's use.
    void bind(const KvmVm& vm, std::uint32_t first_slot) noexcept;

    [[nodiscard]] unsigned add(std::span<std::byte> host) override;
    [[nodiscard]] unsigned add_read_only(std::span<std::byte> host) override;
    bool show(unsigned number, Gpa at) noexcept override;
    void hide(unsigned number) noexcept override;

private:
    /// One memory slot, number first_slot_ + its index.
    struct Slot {
        std::span<std::byte> host;
        std::uint32_t flags = 0;
        std::optional<Gpa> at{};  ///< nothing: hidden, or refused
    };
    [[nodiscard]] bool tell_kernel(std::size_t index, Gpa at, std::uint64_t size) noexcept;
    [[nodiscard]] unsigned add(std::span<std::byte> host, std::uint32_t flags);
    void hide_locked(unsigned number) noexcept;

    GuestFault refused_;
    std::mutex mutex_;  // guards everything below
    const KvmVm* vm_ = nullptr;
    std::uint32_t first_slot_ = 0;
    std::vector<Slot> slots_;  ///< its size is fixed once the vCPUs run
};

}  // namespace qvm
