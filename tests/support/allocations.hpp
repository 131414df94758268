// SPDX-License-Identifier: Apache-2.0
// How often operator new was called, in programs with tests/devices/allocations.cpp.
#pragma once

#include <cstdint>

namespace qvm::test {

[[nodiscard]] std::uint64_t allocations() noexcept;  ///< of all threads
[[nodiscard]] std::uint64_t allocations_of_this_thread() noexcept;

}  // namespace qvm::test
