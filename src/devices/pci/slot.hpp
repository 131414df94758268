// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace qvm {

/// A function's place on bus 0: device << 3 | function.
class PciSlot {
public:
    static constexpr unsigned kDevices = 32;
    static constexpr unsigned kFunctions = 8;
    static constexpr unsigned kCount = kDevices * kFunctions;

    PciSlot() noexcept = default;
    constexpr PciSlot(unsigned device, unsigned function) noexcept
        : index_{static_cast<std::uint8_t>((device % kDevices) * kFunctions + function % kFunctions)} {}
    [[nodiscard]] static constexpr PciSlot at(unsigned index) noexcept {
        return {index / kFunctions, index % kFunctions};
    }

    [[nodiscard]] constexpr unsigned index() const noexcept { return index_; }
    [[nodiscard]] constexpr unsigned device() const noexcept { return index_ / kFunctions; }
    [[nodiscard]] constexpr unsigned function() const noexcept { return index_ % kFunctions; }
    /// The pin that a function here has: INTA is 0. Functions of a device have different ones as far as there are.
    [[nodiscard]] constexpr unsigned pin() const noexcept { return function() % 4; }
    /// As `loc` has it, without the `pci:`.
    [[nodiscard]] std::string text() const { return fmt::format("0:{}.{}", device(), function()); }
    [[nodiscard]] constexpr bool operator==(const PciSlot&) const noexcept = default;

private:
    std::uint8_t index_ = 0;
};

}  // namespace qvm
