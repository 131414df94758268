// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "devices/vdev.hpp"

namespace qvm::x86 {

/// The vdev types that only this board has: ioapic, mc146818, pckeyboard, wdt-ib700.
[[nodiscard]] std::span<const VdevType* const> vdev_types() noexcept;

}  // namespace qvm::x86
