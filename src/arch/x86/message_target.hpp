// SPDX-License-Identifier: Apache-2.0
// Whom a message interrupts. Source: Intel SDM volume 3, 11.11.1 "Message Address Register Format".
#pragma once

#include <cstdint>
#include <optional>

namespace qvm::x86 {

/// The local APIC that a message to that address is for; nothing if there may be several: logical destinations, the
/// one for all, and what is no such address. The lowest four bits besides the mode choose among several.
[[nodiscard]] constexpr std::optional<unsigned> message_target(std::uint64_t address) noexcept {
    constexpr std::uint64_t kLocalApics = 0xfee0'0000;
    constexpr std::uint64_t kLogical = 1U << 2;
    constexpr unsigned kDestinationShift = 12;
    constexpr std::uint64_t kDestination = 0xff, kAll = 0xff;
    constexpr std::uint64_t kReserved = 0xff0;  // more bits of the destination, where a hypervisor says so: not here
    const std::uint64_t destination = address >> kDestinationShift & kDestination;
    const std::uint64_t rest = address & ~(kDestination << kDestinationShift | 0xf);
    if ((rest & ~kReserved) != kLocalApics || (rest & kReserved) != 0) return std::nullopt;
    if ((address & kLogical) != 0 || destination == kAll) return std::nullopt;
    return static_cast<unsigned>(destination);
}

}  // namespace qvm::x86
