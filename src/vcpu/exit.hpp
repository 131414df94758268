// SPDX-License-Identifier: Apache-2.0
// Why a vCPU came back from guest code, as values. The spans point into the vCPU's shared area and are good until it
// runs again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "vmm/units.hpp"

namespace qvm {

/// Port input: `data` holds a whole number of accesses of `size` bytes each (more than one for REP INS).
struct PortIn {
    Port port;
    std::uint8_t size;
    std::span<std::byte> data;
};
struct PortOut {
    Port port;
    std::uint8_t size;
    std::span<const std::byte> data;
};
struct MmioRead {
    Gpa at;
    std::span<std::byte> data;
};
struct MmioWrite {
    Gpa at;
    std::span<const std::byte> data;
};
/// A level interrupt that came through `vector` has been acknowledged (x86 split irqchip).
struct EndOfInterrupt {
    std::uint8_t vector;
};
/// Nothing to do: a kick, a signal, or an exit that only tells.
struct Resume {};
struct TripleFault {};
/// The guest's firmware interface asked for an end (arm64 PSCI).
struct SystemPowerOff {};
struct SystemReset {};
/// It asked for a sleep of all the machine until something wakes this vCPU (PSCI SYSTEM_SUSPEND). What it passed is
/// still in the vCPU's registers.
struct SystemSuspend {};
/// An interrupt is there for a vCPU that sleeps.
struct SystemWakeUp {};
/// KVM_RUN itself failed, with this errno value: the host could not give what the guest needed.
struct RunFailed {
    int error;
};
/// KVM met an instruction that it cannot execute for the guest.
struct UnknownInstruction {
    std::uint64_t where = 0;  ///< arm64: the guest-physical address that it wants
};
/// x86: the guest wants a model-specific register that KVM does not have. What is left in `value` and `failed` is the
/// answer; failed means #GP.
struct UnknownRegister {
    std::uint32_t index;
    bool write;
    std::uint64_t* value;
    std::uint8_t* failed;
};
/// A hypercall that KVM left to this monitor; what is left in `result` is the answer.
struct Hypercall {
    std::uint64_t number;
    std::uint64_t* result;
};
/// What this monitor cannot go on from. `code` is the kernel's number that goes with the reason.
struct Stuck {
    std::string_view reason;
    std::uint64_t code;
};

using Exit =
    std::variant<PortIn, PortOut, MmioRead, MmioWrite, EndOfInterrupt, Resume, TripleFault, SystemPowerOff, SystemReset,
                 RunFailed, Stuck, UnknownInstruction, UnknownRegister, Hypercall, SystemSuspend, SystemWakeUp>;

/// The alternatives of Exit, by their index; also the reasons of the exit statistics.
inline constexpr std::array<std::string_view, std::variant_size_v<Exit>> kExitNames{
    "port in",   "port out", "memory read", "memory write", "end of interrupt", "resume",   "triple fault",
    "power-off", "reset",    "run failed",  "stuck",        "instruction",      "register", "hypercall",
    "suspend",   "wake-up"};

}  // namespace qvm
