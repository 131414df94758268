// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace qvm {

/// The kernel's own interrupt controller, where it takes part in the routing.
struct KernelPins {
    unsigned count = 0;       ///< its inputs come first: GSI N is pin N
    bool device_ids = false;  ///< messages are translated by who sends them

    /// Messages to one address raise pins, and all others are lost.
    struct Doorbell {
        std::uint64_t address;
        std::uint32_t first;  ///< the lowest number that raises a pin
        std::uint32_t count;
        unsigned pin;  ///< that `first` raises
    };
    std::optional<Doorbell> doorbell{};
};

}  // namespace qvm
