// SPDX-License-Identifier: Apache-2.0
// Interrupts as a device sees them (a wire) and as a controller hands them to the kernel (a message).
#pragma once

#include <cstdint>

namespace qvm {

/// Who looks again at what a level stood for once the guest has dealt with it.
class EndListener {
public:
    /// The guest has ended an interrupt that came by the line, or lets the line through anew. On any thread; may drive
    /// the line.
    virtual void ended() noexcept = 0;
    /// The guest has masked the line: until ended(), its trigger() is not to be signalled. On any thread.
    virtual void shut() noexcept {}

protected:
    ~EndListener() = default;
};

/// A wire into an interrupt controller. The device at its other end knows neither the controller nor the number.
/// May be driven from any thread.
class IrqLine {
public:
    virtual ~IrqLine() = default;
    virtual void set(bool high) noexcept = 0;
    /// `listener` hears of the end of each interrupt from now on; it must outlive the line's use. False if the
    /// controller cannot tell. Set-up only.
    virtual bool tell_end(EndListener& /*listener*/) { return false; }
    /// In place of set(), an eventfd by which the kernel's devices interrupt the guest within the kernel. A listener
    /// sees to it that a level signals once, and again only after ended(), if it still stands. -1 if the controller has
    /// none. Set-up only, when the controllers are there.
    [[nodiscard]] virtual int trigger() noexcept { return -1; }
    /// One edge: low to high and back.
    void pulse() noexcept {
        set(true);
        set(false);
    }
};

/// A message-signalled interrupt as it travels on the bus.
struct MsiMessage {
    std::uint64_t address;
    std::uint32_t data;
    std::uint32_t device = 0;  ///< who sends it, as its bus counts (PCI: requester ID); a GIC translates by it
    bool operator==(const MsiMessage&) const noexcept = default;
};

/// The kernel's routing table: numbered inputs (GSIs), each with the message that it sends. Thread-safe.
class MsiRouter {
public:
    virtual ~MsiRouter() = default;
    /// Takes `count` consecutive inputs and returns the first. Set-up only.
    virtual unsigned reserve(unsigned count) = 0;
    /// Sets what the input sends from now on. Not for a hot path: the kernel's whole table is replaced.
    virtual void route(unsigned gsi, MsiMessage message) noexcept = 0;
    /// Sends the input's message once. An input without a route sends nothing.
    virtual void signal(unsigned gsi) noexcept = 0;
    /// A masked input keeps its signals, as one, until unmask(). Inputs begin unmasked. Not for a hot path.
    virtual void mask(unsigned gsi) noexcept = 0;
    virtual void unmask(unsigned gsi) noexcept = 0;
    /// Whether a masked input has a signal waiting.
    [[nodiscard]] virtual bool pending(unsigned gsi) noexcept = 0;
    /// The eventfd behind signal(), for the kernel's devices.
    [[nodiscard]] virtual int trigger(unsigned gsi) noexcept = 0;
};

}  // namespace qvm
