// SPDX-License-Identifier: Apache-2.0
// Why a vCPU came back from guest code, as values. The spans point into the vCPU's shared area and are good until it
// runs again.
#pragma once

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
/// KVM_RUN itself failed, with this errno value: the host could not give what the guest needed.
struct RunFailed {
    int error;
};
/// What this monitor cannot go on from. `code` is the kernel's number that goes with the reason.
struct Stuck {
    std::string_view reason;
    std::uint64_t code;
};

using Exit = std::variant<PortIn, PortOut, MmioRead, MmioWrite, EndOfInterrupt, Resume, TripleFault, SystemPowerOff,
                          SystemReset, RunFailed, Stuck>;

}  // namespace qvm
