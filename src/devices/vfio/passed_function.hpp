// SPDX-License-Identifier: Apache-2.0
// A PCI function of the host as one of the guest's.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "devices/pci/endpoint.hpp"
#include "devices/vfio/message_guard.hpp"
#include "devices/vfio/message_places.hpp"
#include "devices/vfio/passed_bar.hpp"
#include "devices/vfio/passed_config.hpp"
#include "devices/vfio/passed_interrupts.hpp"
#include "devices/vfio/vfio_device.hpp"
#include "vmm/device_memory.hpp"
#include "vmm/end_cause.hpp"
#include "vmm/event_loop.hpp"

namespace qvm {

/// What a passed function stands on.
struct PassedServices {
    PciServices pci;
    SharedWire& wire;  ///< of its pin
    DeviceMemory& memory;
    EventLoop& loop;
    Log& log;
    VmControl& control;
    std::optional<std::uint64_t> message_limit{};  ///< of its messages in a second
    MessageCpus message_cpus{};                    ///< CPUs of the host that they come on
};

class PassedFunction final : public ConfigTarget {
public:
    /// All must outlive it. Throws ConfigError at the owner's place if its BARs do not fit into PCI's addresses,
    /// HostError if the device is none that can be passed.
    PassedFunction(const PassedServices& services, VfioDevice& device, PciSlot slot, PciOwner owner);
    /// Resets the device, if it can be reset.
    ~PassedFunction() override;
    PassedFunction(const PassedFunction&) = delete;
    PassedFunction& operator=(const PassedFunction&) = delete;

    // Set-up only.
    void be_multi_function() noexcept override;
    void connect() override;
    [[nodiscard]] PciFacts facts() const override;
    /// Resets the device and lets its interrupts through: the guest runs next. Throws HostError.
    void start();
    /// How often a second had too many messages, if they are limited.
    [[nodiscard]] std::uint64_t storms() const noexcept { return storms_.total(); }

    // For the guest.
    void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

private:
    struct Bar {
        std::unique_ptr<PassedBar> registers;  ///< null: not there
        bool wide = false;                     ///< the next register is the upper half of its address
    };
    void add_bars();
    void add_bar(unsigned index, std::uint32_t flags);
    void place(unsigned index, const Bar& bar);
    [[nodiscard]] std::uint64_t address_of(unsigned index) const noexcept;
    [[nodiscard]] bool decodes_memory() const noexcept;
    void settle_bar(unsigned index, bool decoded) noexcept;
    void settle_bars() noexcept;
    void place_messages() noexcept;
    void watch_loss(unsigned kind, EventFd& event, Watch& watch, const char* what);

    PassedServices services_;
    VfioDevice& device_;
    const PciSlot slot_;
    const PciOwner owner_;
    GuestFault refused_, storms_;

    std::mutex mutex_;  // guards config_ and where the BARs are; that of interrupts_ is taken inside
    PassedConfig config_;
    PassedInterrupts interrupts_;
    std::optional<MessageGuard> guard_{};
    std::array<Bar, pci::kBars> bars_;
    std::array<std::optional<std::uint64_t>, pci::kBars> misplaced_{};  ///< where the guest put it in vain, once told
    MessagePlaces places_;                                              // on the loop's thread, as is the next one
    bool told_of_kept_ = false;
    EventFd error_event_, request_event_, vectors_event_;
    Watch error_watch_, request_watch_, vectors_watch_;
};

}  // namespace qvm
