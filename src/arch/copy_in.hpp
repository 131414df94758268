// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "arch/little_endian.hpp"
#include "vmm/guest_memory.hpp"

namespace qvm {

/// Copies into guest memory, across the seams of blocks that touch. Throws std::logic_error if there is none at one of
/// the addresses: whoever planned the copy has seen that there is.
void copy_in(const GuestMemory& memory, std::uint64_t at, ByteView bytes);

}  // namespace qvm
