// SPDX-License-Identifier: Apache-2.0
// The MSI-X table and pending bits of a function (PCI 3.0, 6.8.2). A vector is an input of the router: while it is
// masked the input keeps its signal, and that is its pending bit.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "devices/pci/function.hpp"

namespace qvm {

class Msix final : public MsixVectors, public IoDevice {
public:
    static constexpr unsigned kMostVectors = 2048;

    /// 1 to kMostVectors, sent by function `requester` of the bus. The router must outlive this object's use.
    Msix(MsiRouter& router, unsigned vectors, unsigned requester = 0);

    // Its BAR: the table, then the pending bits.
    [[nodiscard]] std::uint64_t bar_size() const noexcept;
    [[nodiscard]] std::uint32_t pending_offset() const noexcept;
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

    /// Takes the router's inputs. Set-up only, once, when the interrupt controllers have theirs. Until then nothing is
    /// sent.
    void connect();
    /// MSI-X Enable and Function Mask of the message control register.
    void control(bool enabled, bool masked) noexcept;

    /// One more than the highest vector that the guest has let through since it enabled MSI-X. From any thread.
    [[nodiscard]] unsigned used() const noexcept { return used_.load(std::memory_order_acquire); }
    /// Signals those of the first `count` vectors that have been let through, whether or not they are masked now.
    void signal_used(unsigned count) noexcept;
    [[nodiscard]] unsigned vectors() const noexcept { return static_cast<unsigned>(table_.size()); }
    [[nodiscard]] bool enabled() const noexcept override { return enabled_.load(std::memory_order_acquire); }
    void on_switch(std::function<void()> switched) override { switched_ = std::move(switched); }
    void signal(unsigned vector) noexcept override;
    [[nodiscard]] int trigger(unsigned vector) noexcept override;
    /// Where the messages of a vector below vectors() go; 0 if it has not been let through yet.
    [[nodiscard]] std::uint64_t address(unsigned vector) const noexcept;
    /// Whether one of these has changed since the last call.
    [[nodiscard]] bool take_moved() noexcept;

private:
    /// An entry of the table (6.8.2.6 to 6.8.2.9), and what of it the router has been told.
    struct Entry {
        MsiMessage message{};
        bool masked = true;
        bool open = false;
        bool used = false;          ///< has been open since MSI-X was enabled
        std::uint64_t address = 0;  ///< of the message, when it was open last
    };
    static constexpr std::uint64_t kEntrySize = 16;

    [[nodiscard]] std::uint32_t read_table(std::uint64_t offset) const noexcept;
    void write_table(std::uint64_t offset, std::uint32_t value) noexcept;
    [[nodiscard]] std::uint32_t read_pending(std::uint64_t offset) const noexcept;
    [[nodiscard]] std::uint32_t read_dword(std::uint64_t offset) const noexcept;
    void settle(unsigned vector) noexcept;
    void forget_used() noexcept;

    MsiRouter& router_;
    std::function<void()> switched_;
    std::optional<unsigned> first_;  ///< the router's input of vector 0; fixed once the vCPUs run
    std::atomic<bool> enabled_{false};
    std::atomic<unsigned> used_{0};
    mutable std::mutex mutex_;  // guards all below; the router is called with it held and never calls back
    bool function_masked_ = false;
    bool moved_ = false;
    std::vector<Entry> table_;  ///< its size is fixed
};

}  // namespace qvm
