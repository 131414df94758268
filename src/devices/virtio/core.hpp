// SPDX-License-Identifier: Apache-2.0
// What a driver programs and the life that it gives the device by that, whatever the transport (virtio 1.2, 2 and 3).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "devices/virtio/interrupts.hpp"
#include "devices/virtio/queue_port.hpp"
#include "devices/virtio/registers.hpp"
#include "devices/virtio/virtio_device.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// What the vdev's options say of the interface, whatever the device.
struct VirtioStyle {
    std::uint64_t withheld = 0;  ///< features of VirtioDevice::ring_features() that are not offered
    bool legacy = false;         ///< that of virtio 0.9.5: neither VERSION_1 nor FEATURES_OK, and 32 features
};

/// What a core stands on. All of it outlives the core.
struct VirtioHost {
    EventLoop& loop;
    Log& log;
    std::string name;  ///< of the vdev, for messages
    VirtioStyle style{};
};

/// Registers are touched by vCPUs under mutex_; the device is started and stopped on the loop's thread. What the device
/// calls takes no lock, so it may call from under its own.
///
///        DRIVER_OK                  Status = 0                  the device called `stopped`
///   Idle ---------> Running (start) ----------> Stopping (stop) ---------------------------> Idle
///
/// While it stops, Status keeps its value, which is not 0, and all else that the driver writes is ignored.
class VirtioCore final : public VirtioTransport {
public:
    VirtioCore(std::unique_ptr<VirtioDevice> device, VirtioInterrupts& interrupts, VirtioHost host);
    /// On the main thread, when no vCPU runs any more. Waits for the device to stop.
    ~VirtioCore() override;
    VirtioCore(const VirtioCore&) = delete;
    VirtioCore& operator=(const VirtioCore&) = delete;

    [[nodiscard]] std::uint16_t type() const noexcept { return device_->type(); }
    [[nodiscard]] std::uint32_t pci_class() const noexcept { return device_->pci_class(); }
    [[nodiscard]] std::size_t config_size() const noexcept { return device_->config_size(); }
    [[nodiscard]] unsigned queues() const noexcept { return static_cast<unsigned>(ports_.size()); }
    /// Signalled by notify(), and by the doorbell that the transport makes of it. `queue` must exist.
    [[nodiscard]] const EventFd& kick(unsigned queue) const noexcept { return ports_[queue].kick(); }

    // The driver's accesses, on vCPU threads. Values, offsets and queue numbers are the guest's.
    [[nodiscard]] std::uint32_t read(VirtioReg reg) noexcept;
    void write(VirtioReg reg, std::uint32_t value) noexcept;
    void notify(std::uint32_t queue) noexcept;
    /// Bytes beyond the device's configuration read as 0; a write that reaches beyond it does nothing.
    void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept;
    void write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept;
    /// An access that the specification forbids; for the log, sparingly.
    void misused() noexcept { misuse_.count(); }

    /// Waits until no reset is under way, or until `limit` has passed.
    void wait_for_reset(std::chrono::milliseconds limit) noexcept;
    /// VirtioInterrupts::queue_fd() may have changed.
    void interrupts_moved() noexcept;

    void config_changed() noexcept override;
    void needs_reset(std::string_view why) noexcept override;
    void demand_reset() noexcept override;

private:
    enum class Phase : std::uint8_t { Idle, Running, Stopping };

    [[nodiscard]] std::uint64_t offered() const noexcept;
    [[nodiscard]] std::uint8_t generation() noexcept;
    void write_status(std::uint32_t value) noexcept;
    [[nodiscard]] bool may_start(std::uint8_t status) const noexcept;
    [[nodiscard]] bool features_are_good() const noexcept;
    void end_run() noexcept;
    void begin_run() noexcept;
    void begin_reset() noexcept;
    void finish_reset() noexcept;
    void start_device(std::uint64_t features) noexcept;
    void stop_device() noexcept;
    void stopped() noexcept;
    void wait_for_end() noexcept;

    VirtioHost host_;
    GuestFault misuse_;
    GuestFault broken_;
    VirtioInterrupts& interrupts_;
    std::unique_ptr<VirtioDevice> device_;

    std::atomic<std::uint8_t> status_{0};    ///< changed under mutex_, but for NEEDS_RESET
    std::atomic<bool> live_{false};          ///< from DRIVER_OK to the reset: the driver takes interrupts
    std::atomic<bool> config_moved_{false};  ///< since the driver last looked
    std::atomic<std::uint8_t> generation_{0};
    std::atomic<bool> move_posted_{false};
    bool started_ = false;  ///< on the loop's thread only
    std::deque<QueuePort> ports_;
    std::vector<QueueEnd*> ends_;

    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    Phase phase_ = Phase::Idle;
    bool ran_ = false;  ///< the device was started at least once
    VirtioRegisters registers_;
};

}  // namespace qvm
