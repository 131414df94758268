// SPDX-License-Identifier: Apache-2.0
// The I/O APIC, Intel 82093AA (order number 290566), with the EOI register of version 0x20. Input pins become
// messages to the local APICs, which the kernel emulates ("split irqchip").
#pragma once

#include <atomic>
#include <bitset>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "devices/vdev.hpp"

namespace qvm::x86 {

class Ioapic final : public IoDevice, public InterruptController {
public:
    static constexpr std::uint64_t kWindow = 4096;
    static constexpr unsigned kPins = 24;
    static constexpr unsigned kMostPins = 120;

    /// Takes `pins` inputs of `router` (at most kMostPins, as many as the register index can reach). Throws HostError
    /// when none are left. Without an `id`, the n-th I/O APIC of a router gets id n.
    explicit Ioapic(MsiRouter& router, std::optional<std::uint8_t> id = {}, unsigned pins = kPins);
    ~Ioapic() override;

    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

    [[nodiscard]] unsigned lines() const noexcept override;
    /// One wire per pin, the same object at each call; set-up only. High is "asserted": the polarity bit has no effect,
    /// because there is no electricity here. Several devices on one wire must agree among themselves; the last one to
    /// drive it wins.
    [[nodiscard]] IrqLine& line(unsigned number) override;
    [[nodiscard]] unsigned gsi(unsigned number) const noexcept override { return gsi_base_ + number; }
    void end_of_interrupt(std::uint8_t vector) noexcept override;

    /// Kernel input of pin 0; the others follow. The kernel reports the end of an interrupt only for inputs below the
    /// number given with KVM_CAP_SPLIT_IRQCHIP.
    [[nodiscard]] unsigned gsi_base() const noexcept { return gsi_base_; }
    /// As after reset; the guest may write another one into its register.
    [[nodiscard]] std::uint8_t id() const noexcept { return initial_id_; }
    /// Accesses that the manual does not allow; they read as zero or do nothing.
    [[nodiscard]] std::uint64_t faults() const noexcept { return faults_.load(std::memory_order_relaxed); }

private:
    class Pin;
    struct Entry;
    using Pins = std::bitset<kMostPins>;

    [[nodiscard]] std::uint32_t read_indirect() const noexcept;
    [[nodiscard]] Pins write_indirect(std::uint32_t value) noexcept;
    [[nodiscard]] bool write_entry(Entry& entry, bool upper, std::uint32_t value) noexcept;
    void drive(unsigned pin, bool high) noexcept;
    void deliver(Entry& entry) noexcept;
    void deliver_level(Entry& entry) noexcept;
    void update_route(Entry& entry) noexcept;
    [[nodiscard]] Pins end_locked(std::uint8_t vector) noexcept;
    [[nodiscard]] bool lets_through(unsigned pin) const noexcept;
    void tell(const Pins& pins) noexcept;

    MsiRouter& router_;
    const unsigned gsi_base_;
    const std::uint8_t initial_id_;
    std::atomic<std::uint64_t> faults_{0};
    std::vector<std::unique_ptr<Pin>> pins_;

    // Guards everything below. The router is called with it held, so that a route is in force before its first
    // message; the router never calls back.
    mutable std::mutex mutex_;
    std::uint32_t id_;
    std::uint8_t select_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace qvm::x86
