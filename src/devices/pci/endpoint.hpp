// SPDX-License-Identifier: Apache-2.0
// A function with a type 00h header (PCI 3.0, 6.1) between its device and the guest.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/diagnostics.hpp"
#include "devices/pci/bar_router.hpp"
#include "devices/pci/config_space.hpp"
#include "devices/pci/function.hpp"
#include "devices/pci/intx.hpp"
#include "devices/pci/msix.hpp"
#include "devices/pci/slot.hpp"
#include "devices/pci/window.hpp"
#include "vmm/log.hpp"
#include "vmm/units.hpp"

namespace qvm {

/// Whose function it is, for messages.
struct PciOwner {
    std::string title;
    Location where{};
};

/// What is to be said of a function.
struct PciFacts {
    struct Bar {
        unsigned index;
        Range range;  ///< at the start of the guest
    };
    PciSlot slot;
    const PciOwner* owner;
    std::uint16_t vendor, device;
    std::vector<Bar> bars;
    std::optional<unsigned> line;  ///< SharedWire::number() of its pin, if it has one
    unsigned vectors;              ///< of MSI-X
};

/// What answers when the guest looks at a function's configuration space. Accesses lie inside a dword. On vCPU threads.
class ConfigTarget {
public:
    virtual ~ConfigTarget() = default;
    virtual void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept = 0;
    virtual void write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept = 0;

    // Set-up only.
    /// There are others in this slot. For function 0.
    virtual void be_multi_function() noexcept = 0;
    /// Everything is made, and so are the interrupt controllers.
    virtual void connect() = 0;
    [[nodiscard]] virtual PciFacts facts() const = 0;
};

/// What all functions stand on.
struct PciServices {
    MsiRouter& router;
    Doorbells& doorbells;
    BarRouter& bars;
    PciWindow& window;
    GuestFault& misplaced;  ///< a BAR that the guest enabled where nothing is decoded
};

class PciEndpoint final : public PciFunction, public ConfigTarget {
public:
    /// All must outlive it.
    PciEndpoint(const PciServices& services, SharedWire& wire, PciSlot slot, PciOwner owner);

    // Set-up, for the device. Throws ConfigError at the owner's place if the window is full, std::logic_error for what
    // no function can have.
    void identify(const PciIdentity& identity) noexcept;
    void add_bar(unsigned index, std::uint64_t size, IoDevice& registers) override;
    std::uint8_t add_capability(std::uint8_t id, std::span<const std::byte> body) override;
    std::uint8_t add_capability(std::uint8_t id, std::uint8_t size, IoDevice& body) override;
    MsixVectors& add_msix(unsigned bar, unsigned vectors) override;
    void add_doorbell(unsigned bar, const Doorbell& bell, int fd) override;
    [[nodiscard]] IrqLine& intx() override;

    // Set-up, for the host.
    void be_multi_function() noexcept override;
    void connect() override;

    // For the guest.
    void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

    [[nodiscard]] PciFacts facts() const override;

private:
    struct Bar {
        std::uint64_t size = 0;  ///< 0: not there
        RoutedBar* routed = nullptr;
        std::optional<std::uint64_t> base{};  ///< where it is decoded now
        struct Bell {
            Doorbell bell;
            int fd;
        };
        std::vector<Bell> bells{};
    };
    /// A capability that its device answers for.
    struct Body {
        std::uint64_t offset;
        std::uint64_t size;
        IoDevice* device;
    };

    [[nodiscard]] Bar& bar(unsigned index);
    [[nodiscard]] bool decodes_memory() const noexcept;
    void settle() noexcept;
    void settle_bars() noexcept;
    void move(Bar& bar, std::optional<std::uint64_t> base) noexcept;

    PciServices services_;
    const PciSlot slot_;
    const PciOwner owner_;
    IntxPin pin_;
    // Fixed once the vCPUs run.
    std::vector<Body> bodies_;
    std::unique_ptr<Msix> msix_;
    std::size_t msix_control_ = 0;  ///< offset of Message Control

    std::mutex mutex_;  // guards space_ and where the BARs are; those of msix_ and pin_ are taken inside
    ConfigSpace space_;
    std::array<Bar, pci::kBars> bars_;
};

}  // namespace qvm
