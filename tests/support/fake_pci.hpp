// SPDX-License-Identifier: Apache-2.0
// PCI as a guest without a board sees it: accesses to configuration space and BARs, by numbers.
#pragma once

#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

#include "devices/pci/host.hpp"

namespace qvm::test {

/// Remembers what is attached.
class RecordingDoorbells final : public Doorbells {
public:
    void attach(const Doorbell& bell, int fd) noexcept override { attached.emplace_back(bell, fd); }
    void detach(const Doorbell& bell, int fd) noexcept override { std::erase(attached, std::pair{bell, fd}); }

    std::vector<std::pair<Doorbell, int>> attached;
};

/// What a guest does to a function: registers by number, as its driver would.
class PciDriver {
public:
    static constexpr std::uint64_t kCommand = 0x04;
    static constexpr std::uint64_t kStatus = 0x06;
    static constexpr std::uint64_t kBar0 = 0x10;
    static constexpr std::uint8_t kMsix = 0x11;
    static constexpr std::uint16_t kMemorySpace = 0x0002;
    static constexpr std::uint16_t kInterruptDisable = 0x0400;

    /// `window` is where the host's window begins.
    PciDriver(PciHost& host, PciSlot slot, std::uint64_t window) : host_{host}, slot_{slot}, window_{window} {}

    /// By ECAM; `width` is 1, 2, 4 or 8.
    [[nodiscard]] std::uint64_t config(std::uint64_t offset, unsigned width = 4) const {
        return get(host_.ecam(), slot_.index() * 4096ULL + offset, width);
    }
    void set_config(std::uint64_t offset, std::uint64_t value, unsigned width = 4) const {
        put(host_.ecam(), slot_.index() * 4096ULL + offset, value, width);
    }

    void set_command(std::uint16_t bits) const { set_config(kCommand, bits, 2); }
    /// Where a 32-bit BAR is.
    [[nodiscard]] std::uint64_t bar(unsigned index) const { return config(kBar0 + 4ULL * index) & ~0xfULL; }
    [[nodiscard]] std::uint64_t read(unsigned index, std::uint64_t offset, unsigned width = 4) const {
        return get(host_.window(), bar(index) + offset - window_, width);
    }
    void write(unsigned index, std::uint64_t offset, std::uint64_t value, unsigned width = 4) const {
        put(host_.window(), bar(index) + offset - window_, value, width);
    }

    /// Offset of the n-th capability of that kind. Throws if there is none.
    [[nodiscard]] std::uint64_t capability(std::uint8_t id, unsigned n = 0) const {
        for (std::uint64_t at = config(0x34, 1); at != 0; at = config(at + 1, 1))
            if (config(at, 1) == id && n-- == 0) return at;
        throw std::logic_error{"no such capability"};
    }
    void set_msix(bool enabled, bool masked = false) const {
        const std::uint64_t control = capability(kMsix) + 2;
        const std::uint64_t bits = (enabled ? 0x8000U : 0U) | (masked ? 0x4000U : 0U);
        set_config(control, (config(control, 2) & 0x3fffU) | bits, 2);
    }
    /// Programs a vector of the table in that BAR and lets it through.
    void route_msix(unsigned index, unsigned vector, MsiMessage message) const {
        write(index, vector * 16ULL, message.address & 0xffff'ffff);
        write(index, vector * 16ULL + 4, message.address >> 32);
        write(index, vector * 16ULL + 8, message.data);
        mask_msix(index, vector, false);
    }
    void mask_msix(unsigned index, unsigned vector, bool masked) const {
        write(index, vector * 16ULL + 12, masked ? 1 : 0);
    }

    [[nodiscard]] static std::uint64_t get(IoDevice& device, std::uint64_t offset, unsigned width) {
        std::array<std::byte, 8> data{};
        device.read(offset, std::span{data}.first(width));
        return pci::load(data);
    }
    static void put(IoDevice& device, std::uint64_t offset, std::uint64_t value, unsigned width) {
        std::array<std::byte, 8> data{};
        pci::store(data, value);
        device.write(offset, std::span<const std::byte>{data}.first(width));
    }

private:
    PciHost& host_;
    PciSlot slot_;
    std::uint64_t window_;
};

}  // namespace qvm::test
