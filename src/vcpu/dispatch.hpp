// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "vcpu/exit.hpp"
#include "vmm/bus.hpp"

namespace qvm {

/// What a vCPU does after an exit.
enum class Next : std::uint8_t {
    Run,
    PowerOff,
    Reset,
    TripleFault,
    HostError,
    Stuck,
    UnsupportedReference,  ///< nobody claimed the access; a read has been answered with ones
    UnsupportedInstruction,
    UnsupportedRegister,
    Suspend,
    WakeUp,
};

/// The board's part in exits. Called on vCPU threads.
class ArchExits {
public:
    virtual ~ArchExits() = default;
    virtual void end_of_interrupt(std::uint8_t vector) noexcept = 0;
    /// The processor's own clock: it counts upwards at a fixed rate on all host CPUs alike.
    [[nodiscard]] virtual std::uint64_t ticks() const noexcept = 0;
};

struct Judgement {
    Next next = Next::Run;
    std::size_t device = 0;   ///< 0: nobody; else 1 + the index in the port bus, those of the memory bus behind them
    std::uint64_t where = 0;  ///< port, address, register or vector
};

/// Judges one exit. Touches nothing but its arguments; takes no lock, allocates nothing.
[[nodiscard]] Judgement dispatch(const Exit& exit, const Buses& buses, ArchExits& arch) noexcept;

}  // namespace qvm
