// SPDX-License-Identifier: Apache-2.0
#include "vmm/end_cause.hpp"

#include <array>
#include <cstddef>

namespace qvm {
namespace {

/// In the order of the enumeration. All but the guest's own power-off and reset are alarms.
constexpr std::array kFacts{
    EndFacts{EndCause::PowerOff, "power-off", "the guest powered off", 0, false},
    EndFacts{EndCause::Reset, "reset", "the guest asked for a reset", 0, false},
    EndFacts{EndCause::TripleFault, "triple-fault", "the guest ended in a triple fault", 0, true},
    EndFacts{EndCause::Forced, "forced", "ended at once, as asked", 3, true},
    EndFacts{EndCause::Watchdog, "watchdog", "a watchdog ended the VM", 4, true},
    EndFacts{EndCause::UnsupportedAbort, "unsupported-abort", "the guest did what the configuration forbids", 5, true},
    EndFacts{EndCause::VdevError, "vdev-error", "a vdev failed", 6, true},
    EndFacts{EndCause::Unexpected, "unexpected", "a vCPU could not go on", 7, true},
    EndFacts{EndCause::HostError, "host-error", "the host failed", 96, true},
};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kFacts.size(); ++i)
        if (kFacts[i].cause != static_cast<EndCause>(i)) return false;
    return true;
}
static_assert(in_order() && kFacts.back().cause == EndCause::HostError);

}  // namespace

const EndFacts& facts_of(EndCause cause) noexcept { return kFacts[static_cast<std::size_t>(cause)]; }

}  // namespace qvm
