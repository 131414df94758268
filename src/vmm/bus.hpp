// SPDX-License-Identifier: Apache-2.0
// Who answers at which address. Built before the vCPUs run and never changed afterwards, so look-up takes no lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vmm/units.hpp"

namespace qvm {

/// A device's registers. Offsets count from the start of the window that the device was attached with; an access lies
/// wholly inside the window. Called on vCPU threads, possibly on several at once. The guest chooses offset, length
/// (1 to 8 bytes) and data.
class IoDevice {
public:
    virtual ~IoDevice() = default;
    virtual void read(std::uint64_t offset, std::span<std::byte> data) noexcept = 0;
    virtual void write(std::uint64_t offset, std::span<const std::byte> data) noexcept = 0;
};

/// Two devices were given the same address.
struct BusConflict {
    Range wanted;
    Range present;
    std::string owner;  ///< who has `present`
};

class Bus {
public:
    /// Set-up only. Returns the conflict and attaches nothing if `range` overlaps an earlier one. The device must
    /// outlive every access. `owner` names it in messages.
    [[nodiscard]] std::optional<BusConflict> attach(Range range, IoDevice& device, std::string owner);

    /// Which of entries() answered. Nothing if no device claims all of the access; `data` is then all ones.
    std::optional<std::size_t> read(std::uint64_t at, std::span<std::byte> data) const noexcept;
    /// Which of entries() took it. Nothing if no device claims all of the access; nothing happens then.
    std::optional<std::size_t> write(std::uint64_t at, std::span<const std::byte> data) const noexcept;

    /// Accesses that nobody claimed, since the start.
    [[nodiscard]] std::uint64_t unclaimed() const noexcept { return unclaimed_.load(std::memory_order_relaxed); }

    struct Entry {
        Range range;
        IoDevice* device;
        std::string owner;
    };
    /// In order of address.
    [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }

private:
    [[nodiscard]] const Entry* find(std::uint64_t at, std::size_t length) const noexcept;

    std::vector<Entry> entries_;
    mutable std::atomic<std::uint64_t> unclaimed_{0};
};

/// The two address spaces. `pio` stays empty on a board without I/O ports.
struct Buses {
    Bus mmio;
    Bus pio;
};

}  // namespace qvm
