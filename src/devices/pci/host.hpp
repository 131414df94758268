// SPDX-License-Identifier: Apache-2.0
// Bus 0 with its host bridge: 32 devices of 8 functions, their configuration spaces by ECAM (PCI Express Base 5.0,
// 7.2.2) and by ports (PCI 3.0, 3.2.2.3.2), the window of their BARs, and the lines that their pins share. Where ECAM,
// ports and window are is the board's business.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "devices/pci/endpoint.hpp"

namespace qvm {

class PciHost {
public:
    static constexpr std::uint64_t kEcamSize = kMiB;
    static constexpr std::uint64_t kPortsSize = 8;

    /// Of a line that the guest's tables do not have.
    static constexpr unsigned kNoNumber = UINT32_MAX;
    /// An interrupt line and what the guest's tables call it.
    struct Line {
        IrqLine& wire;
        unsigned number;
    };
    struct Setup {
        MsiRouter& router;
        Doorbells& doorbells;
        Log& log;
        std::optional<Range> window;  ///< guest-physical; without one, no BAR has a place
        std::vector<Line> lines;      ///< pins are spread over these; at least one
    };
    /// What `setup` refers to must outlive it.
    explicit PciHost(const Setup& setup);

    // For the board's buses.
    [[nodiscard]] IoDevice& ecam() noexcept { return ecam_; }
    [[nodiscard]] IoDevice& ports() noexcept { return ports_; }
    [[nodiscard]] IoDevice& window() noexcept { return bar_window_; }

    /// A function in a free slot. Its pin leads to `line`, else to the one of the slot. Throws ConfigError at the
    /// owner's place if another function's pin is the same and leads elsewhere.
    PciEndpoint& add(PciSlot slot, const PciIdentity& identity, PciOwner owner, std::optional<Line> line = {});
    /// What a function that add() does not make stands on.
    [[nodiscard]] const PciServices& services() const noexcept { return services_; }
    /// Where the pin of such a function leads to; as in add().
    [[nodiscard]] SharedWire& wire(PciSlot slot, const PciOwner& owner, std::optional<Line> line = {});
    /// Puts it into its slot, which must be free. It must outlive the host's use.
    void attach(PciSlot slot, ConfigTarget& function);
    /// Everything is made, and so are the interrupt controllers. Once, before the guest runs.
    void connect();

    /// In order of their slots.
    [[nodiscard]] std::vector<PciFacts> facts() const;
    /// Where a pin of a device leads to: Line::number. For the guest's tables.
    [[nodiscard]] unsigned line_of(unsigned device, unsigned pin) const;
    /// Accesses to the window that no BAR claimed.
    [[nodiscard]] std::uint64_t unclaimed() const noexcept { return bars_.unclaimed(); }

private:
    class Ecam final : public IoDevice {
    public:
        explicit Ecam(PciHost& host) noexcept : host_{host} {}
        void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
        void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

    private:
        PciHost& host_;
    };
    class Ports final : public IoDevice {
    public:
        explicit Ports(PciHost& host) noexcept : host_{host} {}
        void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
        void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

    private:
        [[nodiscard]] std::optional<std::uint64_t> target(std::uint64_t offset) const noexcept;
        PciHost& host_;
        std::atomic<std::uint32_t> address_{0};  ///< CONFIG_ADDRESS
    };
    using Pin = std::pair<unsigned, unsigned>;  ///< device, pin

    void read_config(std::uint64_t at, std::span<std::byte> data) noexcept;
    void write_config(std::uint64_t at, std::span<const std::byte> data) noexcept;
    [[nodiscard]] SharedWire& wire_of(unsigned device, unsigned pin);
    [[nodiscard]] SharedWire& wire_for(const std::optional<Line>& line, unsigned device, unsigned pin);

    GuestFault misplaced_;
    PciWindow range_;
    BarRouter bars_;
    BarWindow bar_window_;
    PciServices services_;
    std::size_t spread_;               ///< how many of the wires are those of the slots
    std::deque<SharedWire> wires_;     ///< those of the slots first
    std::map<Pin, SharedWire*> used_;  /// by functions
    std::deque<PciEndpoint> endpoints_;
    std::array<ConfigTarget*, PciSlot::kCount> functions_{};
    Ecam ecam_{*this};
    Ports ports_{*this};
};

}  // namespace qvm
