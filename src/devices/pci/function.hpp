// SPDX-License-Identifier: Apache-2.0
// A function on the PCI bus as its device sees it: the device knows neither its slot nor where its BARs are.
// Source: PCI Local Bus Specification 3.0, chapter 6; MSI-X: 6.8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "vmm/bus.hpp"
#include "vmm/doorbells.hpp"
#include "vmm/irq_line.hpp"

namespace qvm {

/// What a function says of itself (PCI 3.0, 6.2.1, 6.2.4).
struct PciIdentity {
    std::uint16_t vendor = 0xffff;
    std::uint16_t device = 0xffff;
    std::uint8_t revision = 0;
    std::uint32_t class_code = 0;  ///< 24 bits: base class, sub-class, programming interface
    std::uint16_t subsystem_vendor = 0;
    std::uint16_t subsystem = 0;
};

/// The vectors of a function's MSI-X capability.
class MsixVectors {
public:
    virtual ~MsixVectors() = default;
    /// Whether the guest has switched the function from INTx to MSI-X. From any thread.
    [[nodiscard]] virtual bool enabled() const noexcept = 0;
    /// Calls `switched` whenever enabled() has changed, on the vCPU thread that did it, with the function's locks held:
    /// it takes none under which the function is used. Set-up only, once.
    virtual void on_switch(std::function<void()> switched) = 0;
    /// Sends the vector's message, or remembers that it is pending while it is masked. A number that does not exist
    /// sends nothing. From any thread; takes no lock.
    virtual void signal(unsigned vector) noexcept = 0;
    /// An eventfd with the effect of signal(), for the kernel's devices; -1 if there is no such vector.
    [[nodiscard]] virtual int trigger(unsigned vector) noexcept = 0;
};

/// Set-up only, except for what is said to be callable from any thread.
class PciFunction {
public:
    virtual ~PciFunction() = default;

    /// Register `index` becomes a 32-bit memory BAR of `size` bytes, a power of two from 4 KiB on. `registers` gets
    /// offsets within it, wherever the guest moves it.
    virtual void add_bar(unsigned index, std::uint64_t size, IoDevice& registers) = 0;
    /// Appends a capability whose bytes behind the two of the list are `body`, read-only. Returns its offset in
    /// configuration space.
    virtual std::uint8_t add_capability(std::uint8_t id, std::span<const std::byte> body) = 0;
    /// The same with `size` bytes that `body` answers for; its offset 0 is the first byte behind the two of the list.
    virtual std::uint8_t add_capability(std::uint8_t id, std::uint8_t size, IoDevice& body) = 0;
    /// An MSI-X capability with table and pending bits in a BAR of their own.
    virtual MsixVectors& add_msix(unsigned bar, unsigned vectors) = 0;
    /// A doorbell in a BAR; it follows the BAR. `fd` must outlive the function's use.
    virtual void add_doorbell(unsigned bar, const Doorbell& bell, int fd) = 0;
    /// Its interrupt pin, a level; silent while the guest uses MSI-X or has disabled INTx. From any thread.
    [[nodiscard]] virtual IrqLine& intx() = 0;
};

}  // namespace qvm
