// SPDX-License-Identifier: Apache-2.0
#include "vmm/kvm.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <new>
#include <string>

namespace qvm {
namespace {

constexpr int kApiVersion = 12;

[[noreturn]] void throw_open_error(int error) {
    const std::string what = errno_text("cannot open /dev/kvm", error);
    switch (error) {
        case ENOENT:
        case ENODEV:
        case ENXIO:
            throw HostError{
                what +
                "\n  load the kernel module (modprobe kvm_intel, or kvm_amd) and check that virtualization is "
                "enabled in the firmware; inside a virtual machine, nested virtualization must be on"};
        case EACCES:
        case EPERM:
            throw HostError{
                what + "\n  add the user to the group 'kvm' (usermod -aG kvm NAME, then log in again) or run as root"};
        default:
            throw HostError{what};
    }
}

UniqueFd open_kvm() {
    const int fd = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0) throw_open_error(errno);
    return UniqueFd{fd};
}

UniqueFd create_vm(const Kvm& kvm, unsigned long type) {
    int fd = -1;
    do fd = ::ioctl(kvm.fd(), KVM_CREATE_VM, type);
    while (fd < 0 && errno == EINTR);
    return UniqueFd{check("KVM_CREATE_VM", fd)};
}

}  // namespace

Kvm::Kvm() : fd_{open_kvm()} {
    const int version = ::ioctl(fd_.get(), KVM_GET_API_VERSION, 0);
    if (version < 0) throw HostError{errno_text("/dev/kvm is not KVM (KVM_GET_API_VERSION)", errno)};
    if (version != kApiVersion)
        throw HostError{fmt::format("/dev/kvm speaks API version {}, not {}", version, kApiVersion)};
}

std::size_t Kvm::run_size() const {
    return static_cast<std::size_t>(check("KVM_GET_VCPU_MMAP_SIZE", ::ioctl(fd_.get(), KVM_GET_VCPU_MMAP_SIZE, 0)));
}

KvmVm::KvmVm(const Kvm& kvm, unsigned long type) : fd_{create_vm(kvm, type)} {}

int Kvm::extension(int capability) const noexcept {
    const int value = ::ioctl(fd_.get(), KVM_CHECK_EXTENSION, capability);
    return value < 0 ? 0 : value;
}

int KvmVm::extension(int capability) const noexcept {
    const int value = ::ioctl(fd_.get(), KVM_CHECK_EXTENSION, capability);
    return value < 0 ? 0 : value;
}

void KvmVm::require(std::span<const KvmCapability> capabilities) const {
    std::string missing;
    for (const KvmCapability& capability : capabilities)
        if (extension(capability.number) == 0)
            missing += fmt::format("{}{}", missing.empty() ? "" : ", ", capability.name);
    if (!missing.empty())
        throw HostError{"this kernel's KVM lacks " + missing + "\n  Linux 5.10 or newer has all that qvm needs"};
}

void KvmVm::enable(const KvmCapability& capability, std::uint64_t argument) const {
    kvm_enable_cap request{};
    request.cap = static_cast<std::uint32_t>(capability.number);
    request.args[0] = argument;
    if (::ioctl(fd_.get(), KVM_ENABLE_CAP, &request) < 0)
        throw HostError{errno_text(fmt::format("KVM_ENABLE_CAP {}", capability.name), errno)};
}

void KvmVm::adopt(const GuestMemory& memory) const {
    std::uint32_t slot = 0;
    for (const GuestMemory::Block& block : memory.blocks()) {
        kvm_userspace_memory_region region{};
        region.slot = slot++;
        region.flags = block.kind == GuestMemory::Kind::Rom ? KVM_MEM_READONLY : 0U;
        region.guest_phys_addr = block.range.start();
        region.memory_size = block.range.size();
        region.userspace_addr = reinterpret_cast<std::uint64_t>(block.mapping.bytes().data());
        if (::ioctl(fd_.get(), KVM_SET_USER_MEMORY_REGION, &region) < 0)
            throw HostError{errno_text(fmt::format("KVM_SET_USER_MEMORY_REGION for guest memory at {:#x}, {:#x} bytes",
                                                   block.range.start(), block.range.size()),
                                       errno)};
    }
}

void KvmVm::assign_irqfd(int fd, unsigned gsi) const {
    kvm_irqfd request{};
    request.fd = static_cast<std::uint32_t>(fd);
    request.gsi = gsi;
    check("KVM_IRQFD", ::ioctl(fd_.get(), KVM_IRQFD, &request));
}

void KvmVm::deassign_irqfd(int fd, unsigned gsi) const {
    kvm_irqfd request{};
    request.fd = static_cast<std::uint32_t>(fd);
    request.gsi = gsi;
    request.flags = KVM_IRQFD_FLAG_DEASSIGN;
    check("KVM_IRQFD", ::ioctl(fd_.get(), KVM_IRQFD, &request));
}

KvmVcpuFd::KvmVcpuFd(const Kvm& kvm, const KvmVm& vm, unsigned id)
    : fd_{check("KVM_CREATE_VCPU", ::ioctl(vm.fd(), KVM_CREATE_VCPU, static_cast<unsigned long>(id)))},
      mapping_{"cannot map a vCPU's kvm_run", fd_.get(), kvm.run_size()},
      run_{std::launder(reinterpret_cast<kvm_run*>(mapping_.bytes().data()))} {}

int KvmVcpuFd::run() const noexcept { return ::ioctl(fd_.get(), KVM_RUN, 0) < 0 ? errno : 0; }

}  // namespace qvm
