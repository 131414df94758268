// SPDX-License-Identifier: Apache-2.0
// Writes of the guest that the kernel turns into the signal of an eventfd, so that nobody leaves guest mode for user
// space (KVM_IOEVENTFD).
#pragma once

#include <cstdint>
#include <optional>

namespace qvm {

/// Which writes are meant: at `address`, which counts from the start of whatever the doorbell is part of.
struct Doorbell {
    std::uint64_t address = 0;
    unsigned width = 0;                    ///< bytes written: 1, 2, 4 or 8; 0: any
    std::optional<std::uint64_t> value{};  ///< only this one; needs a width
    bool operator==(const Doorbell&) const noexcept = default;
};

/// The kernel's doorbells in guest-physical memory. Thread-safe. Before the VM exists they are only noted.
class Doorbells {
public:
    virtual ~Doorbells() = default;
    /// From now on the write signals `fd` and reaches no bus. If the kernel cannot, it stays an exit, which the device
    /// must be able to serve all the same.
    virtual void attach(const Doorbell& bell, int fd) noexcept = 0;
    /// Undoes an attach() of the same arguments.
    virtual void detach(const Doorbell& bell, int fd) noexcept = 0;
};

}  // namespace qvm
