// SPDX-License-Identifier: Apache-2.0
// Guest RAM that goes back to the host while the guest runs. Source: fallocate(2), memfd_create(2).
#pragma once

#include <cstdint>

#include "vmm/guest_memory.hpp"

namespace qvm {

/// Gives the whole pages of [offset, offset + length) of `block`, which has such bytes, back to the host: the guest and
/// everybody else finds zeroes there from now on, in pages that the host makes at the first access. Parts of pages stay
/// as they are. Returns how many bytes went. From any thread.
std::uint64_t release(const GuestMemory::Block& block, std::uint64_t offset, std::uint64_t length) noexcept;

/// Takes the pages of [offset, offset + length), whole ones, from the host now. False if it has none left: who touches
/// them then gets a SIGBUS if they are huge ones.
[[nodiscard]] bool refill(const GuestMemory::Block& block, std::uint64_t offset, std::uint64_t length) noexcept;

}  // namespace qvm
