// SPDX-License-Identifier: Apache-2.0
// The kernel's virtual machine monitor: owners for its three kinds of file descriptor, and no policy. Functions throw
// HostError that names the ioctl and says what to do where that is known.
// Source: Documentation/virt/kvm/api.rst of Linux 6.1.
#pragma once

#include <sys/ioctl.h>

#include <cstdint>
#include <span>

#include "vmm/error.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/kvm_uapi.hpp"
#include "vmm/mapping.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// An open /dev/kvm.
class Kvm {
public:
    Kvm();
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// Size of a vCPU's shared kvm_run area in bytes.
    [[nodiscard]] std::size_t run_size() const;
    /// KVM_CHECK_EXTENSION before there is a VM: 0 if the kernel does not have it.
    [[nodiscard]] int extension(int capability) const noexcept;

private:
    UniqueFd fd_;
};

/// A capability that the monitor cannot do without, and the name to print when it is missing.
struct KvmCapability {
    int number;
    const char* name;
};

/// One virtual machine of the kernel.
class KvmVm {
public:
    /// `type` is the machine type of KVM_CREATE_VM.
    explicit KvmVm(const Kvm& kvm, unsigned long type = 0);
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// KVM_CHECK_EXTENSION: 0 if the kernel does not have it.
    [[nodiscard]] int extension(int capability) const noexcept;
    /// Throws HostError naming all that are missing.
    void require(std::span<const KvmCapability> capabilities) const;
    void enable(const KvmCapability& capability, std::uint64_t argument) const;
    /// Gives every block its memory slot; ROM is read-only for the guest.
    void adopt(const GuestMemory& memory) const;
    /// Makes `fd` (an eventfd) raise `gsi`.
    void assign_irqfd(int fd, unsigned gsi) const;
    /// Ends that. What `fd` is signalled from then on stays in it.
    void deassign_irqfd(int fd, unsigned gsi) const;

private:
    UniqueFd fd_;
};

/// One vCPU of the kernel with its shared area.
class KvmVcpuFd {
public:
    KvmVcpuFd(const Kvm& kvm, const KvmVm& vm, unsigned id);
    [[nodiscard]] kvm_run& shared() const noexcept { return *run_; }

    template <typename Argument>
    void call(const char* name, unsigned long request, Argument argument) const {
        check(name, ::ioctl(fd_.get(), request, argument));
    }
    /// KVM_RUN; 0 or an errno value.
    [[nodiscard]] int run() const noexcept;
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    UniqueFd fd_;
    Mapping mapping_;
    kvm_run* run_;
};

}  // namespace qvm
