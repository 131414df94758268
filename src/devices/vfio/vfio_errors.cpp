// SPDX-License-Identifier: Apache-2.0
#include "devices/vfio/vfio_errors.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>

#include "devices/vfio/usable_addresses.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

std::string lock_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "";
    return fmt::format(
        "\n  pass-through keeps all guest memory in RAM, and RLIMIT_MEMLOCK is {} KiB: raise it (ulimit -l, "
        "LimitMEMLOCK=)",
        limit.rlim_cur / 1024);
}

}  // namespace

void throw_vfio_open_error(const std::string& path, int error) {
    const std::string what = errno_text(fmt::format("cannot open {}", path), error);
    switch (error) {
        case ENOENT:
            throw HostError{
                what +
                "\n  is the device bound to VFIO's driver? 'qvmctl pass list' tells, 'qvmctl pass bind' does it"};
        case EACCES:
        case EPERM:
            throw HostError{what +
                            "\n  run qvm as root, or give its user the file by a udev rule for SUBSYSTEM==\"vfio\""};
        case EBUSY:
            throw HostError{what +
                            "\n  another process has the group: another VM, or a program for user-space drivers"};
        default:
            throw HostError{what};
    }
}

void throw_dma_error(const Range& memory, const char* call, int error) {
    throw HostError{errno_text(fmt::format("devices cannot be given the guest memory at {:#x}, {:#x} bytes ({})",
                                           memory.start(), memory.size(), call),
                               error) +
                    (error == ENOMEM || error == EPERM ? lock_limit() : "")};
}

void throw_iommu_error(const char* call, const char* module, int error) {
    const std::string hint = error == EPERM
                                 ? fmt::format(
                                       "\n  the host lacks interrupt remapping: without it a device could raise any "
                                       "interrupt; {}.allow_unsafe_interrupts=1 permits that",
                                       module)
                                 : "";
    throw HostError{errno_text(fmt::format("the IOMMU cannot be had ({})", call), error) + hint};
}

void demand_usable(const Range& memory, std::span<const Range> usable) {
    const auto lost = first_unusable(memory, usable);
    if (!lost) return;
    throw HostError{
        fmt::format("guest memory at {:#x}, {:#x} bytes: devices cannot reach {:#x} to {:#x}, which this "
                    "host's IOMMU keeps for itself\n  move the 'ram' or give it a gap there",
                    memory.start(), memory.size(), lost->start(), lost->last())};
}

}  // namespace qvm
