// SPDX-License-Identifier: Apache-2.0
// Interrupt pins of functions and the lines that they share (PCI 3.0, 2.2.6).
#pragma once

#include <mutex>
#include <vector>

#include "vmm/irq_line.hpp"

namespace qvm {

/// A line that several functions pull: asserted while one of them does. Thread-safe.
class SharedWire final : public EndListener {
public:
    /// `number` is what the guest's tables call the line. The line must outlive the wire's use.
    SharedWire(IrqLine& line, unsigned number) noexcept : line_{line}, number_{number} {}
    SharedWire(const SharedWire&) = delete;
    SharedWire& operator=(const SharedWire&) = delete;

    [[nodiscard]] unsigned number() const noexcept { return number_; }
    [[nodiscard]] bool leads_to(const IrqLine& line) const noexcept { return &line_ == &line; }
    /// Each pull(true) is followed by one pull(false).
    void pull(bool asserted) noexcept;
    /// As IrqLine::tell_end(); each function's listener hears of the end of any function's interrupt.
    bool tell_end(EndListener& listener);
    void ended() noexcept override;
    void shut() noexcept override;
    /// As IrqLine::trigger(), for all functions.
    [[nodiscard]] int trigger() noexcept { return line_.trigger(); }

private:
    IrqLine& line_;
    const unsigned number_;
    std::mutex mutex_;  // guards pulling_; held while the line is driven, so that it never shows an old state
    unsigned pulling_ = 0;
    std::vector<EndListener*> listeners_;  ///< fixed once the vCPUs run
};

/// A function's pin: what the device wants and whether the guest lets it through. Thread-safe.
class IntxPin final : public IrqLine {
public:
    explicit IntxPin(SharedWire& wire) noexcept : wire_{wire} {}

    /// The device's side.
    void set(bool high) noexcept override;
    bool tell_end(EndListener& listener) override { return wire_.tell_end(listener); }
    [[nodiscard]] int trigger() noexcept override { return wire_.trigger(); }
    /// What the interrupt status bit shows: the device's side, whatever the guest has disabled (6.2.3).
    [[nodiscard]] bool high() const noexcept;
    /// The guest's side: closed while it uses MSI-X or has set Interrupt Disable.
    void open(bool open) noexcept;
    [[nodiscard]] const SharedWire& wire() const noexcept { return wire_; }

private:
    void drive() noexcept;

    SharedWire& wire_;
    mutable std::mutex mutex_;  // guards all below; the wire's is taken inside
    bool high_ = false;
    bool open_ = true;
    bool pulling_ = false;
};

}  // namespace qvm
