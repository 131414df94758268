// SPDX-License-Identifier: Apache-2.0
// A kind of virtio device (virtio 1.2, chapter 5): its features, its configuration, what it does with its queues. It
// knows no transport; the transport knows no kind.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "config/vm_config.hpp"
#include "devices/vdev.hpp"
#include "devices/virtio/queue_setup.hpp"
#include "vmm/event_fd.hpp"

namespace qvm {

/// One queue between a started device and its transport.
class QueueEnd {
public:
    virtual ~QueueEnd() = default;
    /// False: the driver has left this queue out.
    [[nodiscard]] virtual bool enabled() const noexcept = 0;
    [[nodiscard]] virtual const QueueSetup& setup() const noexcept = 0;
    /// Signalled when the driver notifies; the device watches it.
    [[nodiscard]] virtual const EventFd& kick() const noexcept = 0;
    /// A used buffer notification, whatever the driver has asked for: Virtqueue::interrupt_wanted() first. From any
    /// thread.
    virtual void interrupt() noexcept = 0;
    /// An eventfd with the effect of interrupt(), for back ends outside of this process; -1 if the transport has none
    /// now, and then the device watches an eventfd of its own and calls interrupt(). What it returns may change when
    /// the guest sets its interrupts up anew: VirtioDevice::interrupts_moved() tells.
    [[nodiscard]] virtual int interrupt_fd() noexcept = 0;
};

/// What a device may ask of its transport. From any thread.
class VirtioTransport {
public:
    virtual ~VirtioTransport() = default;
    /// The device's configuration has changed: a new config generation, and a notification if the driver is there.
    virtual void config_changed() noexcept = 0;
    /// The driver broke a rule: DEVICE_NEEDS_RESET. `why` goes to the log, sparingly.
    virtual void needs_reset(std::string_view why) noexcept = 0;
    /// DEVICE_NEEDS_RESET for a reason that is not the driver's and that the log has been told of.
    virtual void demand_reset() noexcept = 0;
};

/// Called on vCPU threads: features, configuration. Called on the thread of VdevContext::loop(): start and stop. A
/// device that has data in both locks by itself; what it calls here or of its QueueEnds takes no lock under which the
/// device is called, with one exception: `stopped`, see stop(). Destroyed on the main thread, stopped.
class VirtioDevice {
public:
    virtual ~VirtioDevice() = default;

    /// Device type (virtio 1.2, 5): 2 is a block device.
    [[nodiscard]] virtual std::uint16_t type() const noexcept = 0;
    /// PCI class code, 24 bits, for the transport that needs one.
    [[nodiscard]] virtual std::uint32_t pci_class() const noexcept = 0;
    /// Device-specific feature bits offered. Those of queue_setup.hpp are the transport's business, except that a
    /// device which leaves its rings to somebody else masks what that one cannot do: see ring_features().
    [[nodiscard]] virtual std::uint64_t features() const noexcept = 0;
    /// Of kIndirectDesc, kEventIdx, kRingPacked, kInOrder: what whoever serves the rings can do.
    [[nodiscard]] virtual std::uint64_t ring_features() const noexcept {
        return virtio_feature::kIndirectDesc | virtio_feature::kEventIdx | virtio_feature::kRingPacked;
    }
    /// Most descriptors of each queue; the number of queues. Fixed from construction on. Powers of two, at most 32768.
    [[nodiscard]] virtual std::span<const std::uint16_t> queue_sizes() const noexcept = 0;
    /// Size of the configuration in bytes; accesses beyond it never arrive.
    [[nodiscard]] virtual std::size_t config_size() const noexcept = 0;
    virtual void read_config(std::size_t offset, std::span<std::byte> data) noexcept = 0;
    virtual void write_config(std::size_t /*offset*/, std::span<const std::byte> /*data*/) noexcept {}
    /// The driver has chosen its features (FEATURES_OK); false if the device cannot work with them.
    [[nodiscard]] virtual bool accepts(std::uint64_t /*features*/) const noexcept { return true; }

    /// DRIVER_OK: the queues may be used from now on, until stop(). One QueueEnd for each of queue_sizes().
    virtual void start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept = 0;
    /// The driver has reset the device, or the VM ends: uses neither queues nor guest memory any more once it has
    /// called `stopped`, which may be later, on the same thread, when what is in flight has come back. Calls it without
    /// holding a lock of its own.
    virtual void stop(std::function<void()> stopped) noexcept = 0;
    /// QueueEnd::interrupt_fd() may have changed for some queue. On the loop's thread, between start() and stop().
    virtual void interrupts_moved() noexcept {}

    /// Before anything else; the transport outlives the device's last call.
    void connect(VirtioTransport& transport) noexcept { transport_ = &transport; }

protected:
    [[nodiscard]] VirtioTransport& transport() noexcept { return *transport_; }

private:
    VirtioTransport* transport_ = nullptr;
};

/// The vdev as the log names it: "virtio-blk 'root'".
[[nodiscard]] std::string virtio_label(const VdevSpec& spec);

/// The vdev that a virtio device is: over MMIO if `loc` names an address, else over PCI.
[[nodiscard]] std::unique_ptr<Vdev> make_virtio_vdev(const VdevSpec& spec, VdevContext& context,
                                                     std::unique_ptr<VirtioDevice> device);

}  // namespace qvm
