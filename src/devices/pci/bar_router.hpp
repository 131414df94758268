// SPDX-License-Identifier: Apache-2.0
// Who answers in the window that BARs are in. Which BARs there are is fixed before the vCPUs run; where they are is up
// to the guest, so that their bases are atomics and look-up takes no lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <span>

#include "vmm/bus.hpp"

namespace qvm {

/// One BAR's registers and where the guest has put them.
class RoutedBar {
public:
    RoutedBar(IoDevice& registers, std::uint64_t size) noexcept : registers_{registers}, size_{size} {}

    void move(std::uint64_t base) noexcept { base_.store(base, std::memory_order_release); }
    void hide() noexcept { move(kHidden); }

    [[nodiscard]] bool read(std::uint64_t at, std::span<std::byte> data) const noexcept {
        const std::uint64_t offset = at - base();
        if (!holds(offset, data.size())) return false;
        registers_.read(offset, data);
        return true;
    }
    [[nodiscard]] bool write(std::uint64_t at, std::span<const std::byte> data) const noexcept {
        const std::uint64_t offset = at - base();
        if (!holds(offset, data.size())) return false;
        registers_.write(offset, data);
        return true;
    }

private:
    /// No access has an address that is so far behind it that the difference is small.
    static constexpr std::uint64_t kHidden = 1ULL << 63;

    [[nodiscard]] std::uint64_t base() const noexcept { return base_.load(std::memory_order_acquire); }
    [[nodiscard]] bool holds(std::uint64_t offset, std::size_t length) const noexcept {
        return offset < size_ && length <= size_ - offset;
    }

    IoDevice& registers_;
    const std::uint64_t size_;
    std::atomic<std::uint64_t> base_{kHidden};
};

class BarRouter {
public:
    /// Set-up only. The registers must outlive the router's use. A BAR begins hidden; it stays where it is in memory.
    RoutedBar& add(IoDevice& registers, std::uint64_t size) { return bars_.emplace_back(registers, size); }

    /// Of several BARs in one place the first one added answers. All ones if none does.
    void read(std::uint64_t at, std::span<std::byte> data) const noexcept;
    void write(std::uint64_t at, std::span<const std::byte> data) const noexcept;

    /// Accesses that no BAR claimed, since the start.
    [[nodiscard]] std::uint64_t unclaimed() const noexcept { return unclaimed_.load(std::memory_order_relaxed); }

private:
    std::deque<RoutedBar> bars_;
    mutable std::atomic<std::uint64_t> unclaimed_{0};
};

/// A stretch of guest-physical addresses, as a device of the bus.
class BarWindow final : public IoDevice {
public:
    BarWindow(const BarRouter& router, std::uint64_t start) noexcept : router_{router}, start_{start} {}
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override {
        router_.read(start_ + offset, data);
    }
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
        router_.write(start_ + offset, data);
    }

private:
    const BarRouter& router_;
    const std::uint64_t start_;
};

}  // namespace qvm
