// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/pci_interrupts.hpp"

namespace qvm {

VirtioPciInterrupts::VirtioPciInterrupts(PciFunction& function, unsigned msix_bar, unsigned queues)
    : vectors_{queues + 1}, msix_{function.add_msix(msix_bar, vectors_)}, status_{function.intx()}, queues_(queues) {
    reset();
}

bool VirtioPciInterrupts::map(std::atomic<std::uint16_t>& event, std::uint32_t vector) const noexcept {
    const std::uint16_t wanted = vector < vectors_ ? static_cast<std::uint16_t>(vector) : kNoVector;
    return event.exchange(wanted) != wanted;
}

bool VirtioPciInterrupts::map_queue(std::uint32_t queue, std::uint32_t vector) noexcept {
    return queue < queues_.size() && map(queues_[queue], vector);
}

std::uint16_t VirtioPciInterrupts::queue_vector(std::uint32_t queue) const noexcept {
    return queue < queues_.size() ? queues_[queue].load() : kNoVector;
}

/// A vector that is none sends nothing.
void VirtioPciInterrupts::queue_used(unsigned queue) noexcept {
    if (msix_.enabled()) return msix_.signal(queues_[queue].load());
    status_.raise(InterruptStatus::kQueue);
}

/// Virtio 1.2, 4.1.4.5.1: this bit is set with MSI-X as well; the pin is silent then.
void VirtioPciInterrupts::config_changed() noexcept {
    status_.raise(InterruptStatus::kConfig);
    if (msix_.enabled()) msix_.signal(config_.load());
}

int VirtioPciInterrupts::queue_fd(unsigned queue) noexcept {
    return msix_.enabled() ? msix_.trigger(queues_[queue].load()) : -1;
}

void VirtioPciInterrupts::reset() noexcept {
    status_.acknowledge(UINT8_MAX);
    config_.store(kNoVector);
    for (auto& queue : queues_) queue.store(kNoVector);
}

}  // namespace qvm
