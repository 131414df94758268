// SPDX-License-Identifier: Apache-2.0
// Ports of the host's for the guest: what it does at one is done there, with the same size, by the vCPU's thread.
#pragma once

#include <cstdint>

#include "vmm/bus.hpp"

namespace qvm::x86 {

/// Threads made by the one that makes this, later, may reach the ports, as may that one (ioperm(2)).
class HostPorts final : public IoDevice {
public:
    /// `ports` ends below 65536. Throws HostError.
    explicit HostPorts(const Range& ports);

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

private:
    [[nodiscard]] std::uint16_t at(std::uint64_t offset) const noexcept {
        return static_cast<std::uint16_t>(first_ + offset);
    }
    std::uint16_t first_;
};

}  // namespace qvm::x86
