// SPDX-License-Identifier: Apache-2.0
// Interrupts of virtio over PCI: a vector of MSI-X for each event, or the pin with ISR status (virtio 1.2, 4.1.5.1.2
// and 4.1.4.5).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "devices/pci/function.hpp"
#include "devices/virtio/interrupts.hpp"

namespace qvm {

class VirtioPciInterrupts final : public VirtioInterrupts {
public:
    static constexpr std::uint16_t kNoVector = 0xffff;  ///< VIRTIO_MSI_NO_VECTOR

    /// Gives the function a pin, and in a BAR a vector for each queue and one for the configuration. The function
    /// outlives it.
    VirtioPciInterrupts(PciFunction& function, unsigned msix_bar, unsigned queues);

    /// Set-up only: `moved` is called when the driver has switched between MSI-X and the pin.
    void on_switch(std::function<void()> moved) { msix_.on_switch(std::move(moved)); }

    // Virtio 1.2, 4.1.5.1.2.1: a vector that does not exist maps the event to none, and so does a queue that does not
    // exist. True if something has changed.
    bool map_config(std::uint32_t vector) noexcept { return map(config_, vector); }
    bool map_queue(std::uint32_t queue, std::uint32_t vector) noexcept;
    [[nodiscard]] std::uint16_t config_vector() const noexcept { return config_.load(); }
    [[nodiscard]] std::uint16_t queue_vector(std::uint32_t queue) const noexcept;
    /// Reading ISR status.
    [[nodiscard]] std::uint8_t take_status() noexcept { return status_.take(); }

    void queue_used(unsigned queue) noexcept override;
    void config_changed() noexcept override;
    [[nodiscard]] int queue_fd(unsigned queue) noexcept override;
    void reset() noexcept override;

private:
    bool map(std::atomic<std::uint16_t>& event, std::uint32_t vector) const noexcept;

    const unsigned vectors_;
    MsixVectors& msix_;
    InterruptStatus status_;
    std::atomic<std::uint16_t> config_{kNoVector};
    std::vector<std::atomic<std::uint16_t>> queues_;
};

}  // namespace qvm
