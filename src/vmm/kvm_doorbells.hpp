// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <vector>

#include "vmm/doorbells.hpp"
#include "vmm/kvm.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// Doorbells by KVM_IOEVENTFD.
class KvmDoorbells final : public Doorbells {
public:
    explicit KvmDoorbells(Log& log);

    /// Once; gives the kernel what has been noted so far. The VM must outlive this object's use.
    void bind(const KvmVm& vm) noexcept;

    void attach(const Doorbell& bell, int fd) noexcept override;
    void detach(const Doorbell& bell, int fd) noexcept override;

private:
    struct Noted {
        Doorbell bell;
        int fd;
        bool operator==(const Noted&) const noexcept = default;
    };
    void tell_kernel(const Noted& noted, std::uint32_t flags) noexcept;

    GuestFault refused_;
    std::mutex mutex_;  // guards vm_ and noted_
    const KvmVm* vm_ = nullptr;
    std::vector<Noted> noted_;  ///< before bind()
};

}  // namespace qvm
