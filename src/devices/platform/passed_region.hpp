// SPDX-License-Identifier: Apache-2.0
// Registers of the host in the guest's memory. Whole pages that are the region's alone become the guest's, so that an
// access is no exit. What shares a page with something else is reached through us, register by register.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "vmm/bus.hpp"
#include "vmm/device_memory.hpp"
#include "vmm/log.hpp"
#include "vmm/mapping.hpp"

namespace qvm {

/// A stretch of the host's memory: mapped, or reached by somebody.
struct HostRegion {
    Mapping pages{};
    std::uint64_t first = 0;                ///< where it begins in them, or in `registers`
    std::uint64_t length = 0;               ///< in bytes, all in them
    std::string title{};                    ///< whose it is, for messages
    std::unique_ptr<IoDevice> registers{};  ///< who reaches what is not mapped; null if it is
    bool unasked = false;                   ///< no driver of the host has agreed (/dev/mem)
};

class PassedRegion final : public IoDevice {
public:
    struct Access {
        bool read = true;
        bool write = true;
    };
    PassedRegion(HostRegion host, Access access, Log& log);

    /// The pages that can be are shown to the guest, whose region begins at `start`. Set-up only.
    void show(DeviceMemory& memory, std::uint64_t start);
    /// In bytes.
    [[nodiscard]] std::uint64_t shown() const noexcept { return shown_; }
    [[nodiscard]] const std::string& title() const noexcept { return host_.title; }
    /// Accesses that the attributes forbid.
    [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.total(); }

    // What they forbid reads as ones, and is not written.
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

private:
    const HostRegion host_;
    const Access access_;
    std::uint64_t shown_ = 0;
    GuestFault refused_;
};

}  // namespace qvm
