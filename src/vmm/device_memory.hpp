// SPDX-License-Identifier: Apache-2.0
// Memory that the guest reaches without an exit and that is not its RAM: registers of passed devices, shared memory.
#pragma once

#include <cstddef>
#include <span>

#include "vmm/units.hpp"

namespace qvm {

/// Thread-safe. Before the VM exists, what is attached is only noted.
class DeviceMemory {
public:
    virtual ~DeviceMemory() = default;
    /// The guest sees `host`, whole pages, at `at` until detach(). False if the kernel refuses, as it does for what
    /// overlaps the guest's RAM or something attached earlier: the guest then sees that. `host` must outlive it.
    virtual bool attach(Gpa at, std::span<std::byte> host, bool writable) noexcept = 0;
    /// Undoes an attach() of the same arguments; nothing happens if it was refused.
    virtual void detach(Gpa at, std::span<std::byte> host) noexcept = 0;
};

}  // namespace qvm
