// SPDX-License-Identifier: Apache-2.0
// Stand-ins for what a check has to place although this program has none of it. No guest ever sees them.
#pragma once

#include <algorithm>

#include "devices/vdev.hpp"

namespace qvm {

/// The registers of something that is not there: they read as ones, like an empty bus.
class Absent final : public IoDevice {
public:
    void read(std::uint64_t /*offset*/, std::span<std::byte> data) noexcept override {
        std::ranges::fill(data, std::byte{0xff});
    }
    void write(std::uint64_t /*offset*/, std::span<const std::byte> /*data*/) noexcept override {}
};

/// A controller whose lines lead nowhere.
class AbsentController final : public InterruptController {
public:
    explicit AbsentController(unsigned lines) : lines_{lines} {}
    [[nodiscard]] unsigned lines() const noexcept override { return lines_; }
    [[nodiscard]] IrqLine& line(unsigned /*number*/) override { return nowhere_; }
    [[nodiscard]] unsigned gsi(unsigned number) const noexcept override { return number; }
    void end_of_interrupt(std::uint8_t /*vector*/) noexcept override {}

private:
    struct Nowhere final : IrqLine {
        void set(bool /*high*/) noexcept override {}
    };
    unsigned lines_;
    Nowhere nowhere_;
};

}  // namespace qvm
