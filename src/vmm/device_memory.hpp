// SPDX-License-Identifier: Apache-2.0
// Memory that the guest reaches without an exit and that is not its RAM: registers of passed devices.
#pragma once

#include <cstddef>
#include <span>

#include "vmm/units.hpp"

namespace qvm {

class DeviceMemory {
public:
    virtual ~DeviceMemory() = default;
    /// Makes whole pages of the host known, which begin hidden; returns what show() and hide() call them. They must
    /// outlive this object's use. Set-up only.
    [[nodiscard]] virtual unsigned add(std::span<std::byte> host) = 0;
    /// The same for pages that the guest cannot write: its writes are exits.
    [[nodiscard]] virtual unsigned add_read_only(std::span<std::byte> host) = 0;
    /// The guest sees them at `at`, which is page-aligned. False if the kernel refuses, as it does for what overlaps
    /// the guest's RAM or something shown earlier: the guest then sees that. Shown elsewhere before, they move.
    /// From any thread.
    virtual bool show(unsigned number, Gpa at) noexcept = 0;
    /// From any thread.
    virtual void hide(unsigned number) noexcept = 0;
};

}  // namespace qvm
