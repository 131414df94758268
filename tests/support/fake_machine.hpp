// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "arch/machine.hpp"

namespace qvm {

/// Counts inputs and remembers what was sent.
class FakeRouter final : public MsiRouter {
public:
    unsigned reserve(unsigned count) override {
        const auto first = static_cast<unsigned>(messages.size());
        messages.resize(messages.size() + count);
        return first;
    }
    void route(unsigned gsi, MsiMessage message) noexcept override { messages[gsi] = message; }
    void signal(unsigned gsi) noexcept override { signalled.push_back(gsi); }
    void mask(unsigned gsi) noexcept override { masked.insert(gsi); }
    void unmask(unsigned gsi) noexcept override { masked.erase(gsi); }
    [[nodiscard]] bool pending(unsigned) noexcept override { return false; }
    [[nodiscard]] int trigger(unsigned) noexcept override { return -1; }

    std::vector<MsiMessage> messages;
    std::vector<unsigned> signalled;
    std::set<unsigned> masked;
};

/// Remembers what is attached.
class FakeDoorbells final : public Doorbells {
public:
    void attach(const Doorbell& bell, int fd) noexcept override { attached.emplace_back(bell, fd); }
    void detach(const Doorbell& bell, int fd) noexcept override { std::erase(attached, std::pair{bell, fd}); }

    std::vector<std::pair<Doorbell, int>> attached;
};

class FakeLine final : public IrqLine {
public:
    void set(bool value) noexcept override { high = value; }
    bool tell_end(EndListener& who) override {
        listener = &who;
        return true;
    }
    bool high = false;
    EndListener* listener = nullptr;
};

/// A controller that remembers the level of its lines.
class FakeController final : public InterruptController {
public:
    [[nodiscard]] unsigned lines() const noexcept override { return kLines; }
    [[nodiscard]] IrqLine& line(unsigned number) override { return wires_[number]; }
    [[nodiscard]] unsigned gsi(unsigned number) const noexcept override { return number; }
    void end_of_interrupt(std::uint8_t vector) noexcept override { ended = vector; }

    /// As the guest does.
    void end(unsigned number) const { wires_[number].listener->ended(); }
    [[nodiscard]] bool level(unsigned number) const { return wires_[number].high; }
    int ended = -1;

private:
    static constexpr unsigned kLines = 24;
    std::vector<FakeLine> wires_{kLines};
};

/// A board that has a place for one ser8250 and boots nothing.
class FakeMachine final : public Machine {
public:
    [[nodiscard]] Defaults defaults(const VdevType& type, unsigned ordinal) const override {
        if (type.syntax.type != "ser8250" || ordinal != 0) return {};
        return {GuestLocation{GuestLocation::Space::Io, 0x3f8, {}}, 4};
    }
    [[nodiscard]] MsiRouter& msi() override { return router; }
    [[nodiscard]] Doorbells& doorbells() override { return bells; }
    [[nodiscard]] std::vector<std::unique_ptr<Vcpu>> boot(std::span<const PlacedVdev>) override { return {}; }
    bool press_power_button() noexcept override { return false; }
    void end_of_interrupt(std::uint8_t) noexcept override {}
    [[nodiscard]] std::uint16_t elf_machine() const noexcept override { return 0; }
    [[nodiscard]] std::uint64_t ticks() const noexcept override { return 0; }
    [[nodiscard]] std::uint64_t ticks_per_second() const noexcept override { return 0; }

    [[nodiscard]] DeviceMemory* device_memory() noexcept override { return memory; }
    void announce(const PassedChip& chip) override { announced.push_back(chip); }

    [[nodiscard]] PciHost* pci() noexcept override { return pci_ ? &*pci_ : nullptr; }
    /// With one line, which is number 16.
    void add_pci(Log& log, std::optional<Range> window) {
        pci_.emplace(PciHost::Setup{router, bells, log, window, {{pci_line, 16}}});
    }

    FakeRouter router;
    FakeDoorbells bells;
    FakeLine pci_line;
    DeviceMemory* memory = nullptr;  ///< where passed registers are shown, if it is there
    std::vector<PassedChip> announced;

private:
    std::optional<PciHost> pci_;
};

}  // namespace qvm
