// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "vcpu/exit.hpp"
#include "vmm/bus.hpp"

namespace qvm {

/// What a vCPU does after an exit.
enum class Next : std::uint8_t { Run, PowerOff, Reset, TripleFault, HostError, Stuck };

/// The board's part in exits. Called on vCPU threads.
class ArchExits {
public:
    virtual ~ArchExits() = default;
    virtual void end_of_interrupt(std::uint8_t vector) noexcept = 0;
};

/// Judges one exit. Touches nothing but its arguments; takes no lock, allocates nothing.
[[nodiscard]] Next dispatch(const Exit& exit, const Buses& buses, ArchExits& arch) noexcept;

}  // namespace qvm
