// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vcpu/core_note.hpp"
#include "vcpu/exit.hpp"

namespace qvm {

/// What may be done to a guest that asks for the impossible; the exception is the ISA's own.
enum class Fault : std::uint8_t {
    Instruction,  ///< x86: #UD
    Reference,    ///< x86: #GP, behind the instruction that made the access
};

/// What became of a vCPU that asked for the system's sleep.
enum class Sleep : std::uint8_t {
    Begun,    ///< run() comes back with SystemWakeUp, or when kicked
    Refused,  ///< the guest has been told why
    Failed,   ///< the kernel does not let it
};

/// One virtual CPU. kick() from any thread; the rest on its own thread, and on any other one while that is paused.
class Vcpu {
public:
    virtual ~Vcpu() = default;
    /// Runs guest code until something has to be done.
    [[nodiscard]] virtual Exit run() noexcept = 0;
    /// Makes the run() in progress, or the next one, return soon with Resume, and every later one at once: nothing is
    /// executed any more, but what the last exit left unfinished is brought to its end.
    virtual void kick() noexcept = 0;
    /// Takes the kick back. On its own thread.
    virtual void unkick() noexcept = 0;
    /// The next run() begins with this exception. False if the kernel refuses.
    [[nodiscard]] virtual bool raise(Fault fault) noexcept = 0;
    /// Whether the guest has not switched it on, or has switched it off.
    [[nodiscard]] virtual bool is_off() const noexcept { return false; }
    /// Answers its SystemSuspend. `alone`: all others are off.
    [[nodiscard]] virtual Sleep sleep(bool /*alone*/) noexcept { return Sleep::Failed; }
    /// After SystemWakeUp: the next run() begins where its SystemSuspend said. False if the kernel refuses.
    [[nodiscard]] virtual bool wake_up() noexcept { return false; }
    /// Its registers as notes of a core; none if the kernel does not tell them.
    [[nodiscard]] virtual std::vector<CoreNote> core_notes() = 0;
    /// Registers, mode and the bytes at the instruction pointer, for people; several lines.
    [[nodiscard]] virtual std::string state() = 0;
};

}  // namespace qvm
