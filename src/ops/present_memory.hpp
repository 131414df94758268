// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "vmm/guest_memory.hpp"

namespace qvm {

/// Calls `visit` with each part of the block that the guest or the host has ever used, by offset, until it returns
/// false; tells whether it never did. What nobody has used is not touched here either: it would become real memory.
/// What is passed is used, all of it.
bool for_each_present(const GuestMemory::Block& block,
                      const std::function<bool(std::size_t offset, std::span<const std::byte> bytes)>& visit);

}  // namespace qvm
