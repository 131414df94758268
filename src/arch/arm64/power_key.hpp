// SPDX-License-Identifier: Apache-2.0
// PrimeCell GPIO (PL061, ARM DDI 0190), of whose eight inputs one is the power key: ARM has no other standard button.
#pragma once

#include <cstdint>
#include <mutex>

#include "vmm/bus.hpp"
#include "vmm/irq_line.hpp"

namespace qvm::arm64 {

/// The key is down from press() until the guest has looked at it.
class PowerKey final : public IoDevice {
public:
    /// `irq` must outlive it.
    explicit PowerKey(IrqLine& irq) : irq_{irq} {}

    /// False if the guest has not enabled the key's interrupt. From any thread.
    bool press() noexcept;

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

private:
    [[nodiscard]] std::uint8_t read_register(std::uint64_t offset) noexcept;
    [[nodiscard]] std::uint8_t read_data(std::uint8_t mask) noexcept;
    void write_register(std::uint64_t offset, std::uint8_t value) noexcept;
    void set_input(bool down) noexcept;
    void update() noexcept;

    IrqLine& irq_;
    std::mutex mutex_;  // guards everything below, and the order in which irq_ is driven
    std::uint8_t output_ = 0;
    std::uint8_t input_ = 0;
    std::uint8_t dir_ = 0;
    std::uint8_t is_ = 0;
    std::uint8_t ibe_ = 0;
    std::uint8_t iev_ = 0;
    std::uint8_t ie_ = 0;
    std::uint8_t edges_ = 0;  ///< what GPIORIS keeps
    std::uint8_t afsel_ = 0;
    bool high_ = false;
};

}  // namespace qvm::arm64
