// SPDX-License-Identifier: Apache-2.0
// Interrupts of a passed function. Messages go from the device's interrupt to the guest's within the kernel, by the
// eventfds that both know. The pin is a level: the kernel masks it when it fires, and it comes again if it is still
// high once the guest has ended the interrupt. The board's controller is ours (a split irqchip), and so is that step.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "devices/pci/endpoint.hpp"
#include "devices/pci/msi.hpp"
#include "devices/vfio/message_places.hpp"
#include "devices/vfio/passed_bar.hpp"
#include "devices/vfio/passed_config.hpp"
#include "devices/vfio/vfio_device.hpp"
#include "vmm/event_fd.hpp"
#include "vmm/event_loop.hpp"

namespace qvm {

class PassedInterrupts final : private EndListener, private IoDevice {
public:
    /// Where the guest has the function.
    struct Place {
        SharedWire& wire;  ///< of its pin
        PciSlot slot;
    };
    /// Makes the registers of its capabilities ours. All must outlive it. Throws HostError.
    PassedInterrupts(VfioDevice& device, PassedConfig& config, const PciServices& services, const Place& place,
                     GuestFault& refused);
    ~PassedInterrupts() override;
    PassedInterrupts(const PassedInterrupts&) = delete;
    PassedInterrupts& operator=(const PassedInterrupts&) = delete;

    /// What of a BAR is not the device's own: the MSI-X table and its pending bits.
    [[nodiscard]] std::vector<BarHole> holes(unsigned bar);

    // Set-up only.
    void connect();
    /// From now on `event` is signalled when the host has other vectors for the messages, or the guest sends them
    /// elsewhere. It must outlive this object.
    void tell_vectors(const EventFd& event) noexcept { vectors_event_ = &event; }
    /// What `event` has told of: none while they are held. From any thread.
    [[nodiscard]] ArmedMessages armed_messages();
    /// The guest runs next. Throws HostError if the device's pin cannot be used.
    void start(EventLoop& loop);
    /// The device signals nothing any more.
    void end() noexcept;
    /// While held, messages of the device go nowhere; afterwards the vectors in use are signalled once, so that the
    /// guest looks. The pin, which waits for the guest anyway, goes on. From any thread.
    void hold(bool held) noexcept;
    [[nodiscard]] std::optional<unsigned> line() const noexcept;
    [[nodiscard]] unsigned msix_vectors() const noexcept { return msix_ ? msix_->vectors() : 0; }

    /// The guest may have written the function's configuration space. On vCPU threads, one at a time.
    void settle(PassedConfig& config) noexcept;
    /// Before the guest reads it.
    void show_pending(PassedConfig& config) noexcept;

private:
    enum class Mode : std::uint8_t { Off, Intx, Msi, Msix };

    void own_msi(PassedConfig& config, const PciServices& services, PciSlot slot);
    void own_msix(PassedConfig& config, const PciServices& services, PciSlot slot);
    void own_pin(PassedConfig& config, PciSlot slot);

    // The MSI-X table, with the look at what has changed.
    void read(std::uint64_t offset, std::span<std::byte> data) noexcept override;
    void write(std::uint64_t offset, std::span<const std::byte> data) noexcept override;

    void ended() noexcept override;
    void shut() noexcept override;
    void fired() noexcept;
    void gate_pin(bool open) noexcept;
    void look_again() noexcept;
    void hold_pin() noexcept;
    [[nodiscard]] static unsigned kind_of(Mode mode) noexcept;
    [[nodiscard]] int trigger(Mode mode, unsigned vector) noexcept;
    [[nodiscard]] unsigned wanted(Mode mode) const noexcept;
    void use(Mode mode) noexcept;
    void arm(Mode mode, unsigned count) noexcept;
    void stop() noexcept;
    void tell_moves() noexcept;

    VfioDevice& device_;
    GuestFault& refused_;
    IntxPin pin_;
    bool has_pin_ = false;
    int pin_trigger_ = -1;  ///< of the guest's line; -1: it is driven here. Fixed once the guest runs
    EventFd pin_event_;     ///< in that case
    const EventFd* vectors_event_ = nullptr;
    std::optional<Msi> msi_;
    std::size_t msix_control_ = 0;
    unsigned table_bar_ = 0, pending_bar_ = 0;
    std::uint64_t table_at_ = 0, pending_at_ = 0;
    std::unique_ptr<Msix> msix_;

    std::mutex mutex_;  // guards all below and msi_; those of msix_, pin_ and their wire are taken inside
    Mode mode_ = Mode::Off;
    bool held_ = false;
    bool pin_open_ = true;   ///< the guest lets its level through
    bool line_open_ = true;  ///< and so it does at the controller
    unsigned armed_ = 0;     ///< vectors that the kernel has allocated
    unsigned arming_ = 0;    ///< how often it has
    bool started_ = false;   ///< before that the device stays silent
    std::vector<int> fds_;   ///< room for all of a kind, so that a guest's write allocates nothing
    Watch pin_watch_;        // last: its callback uses the rest
};

}  // namespace qvm
