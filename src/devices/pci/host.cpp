// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace qvm {

namespace {

constexpr std::uint64_t kDword = 4;
/// What a configuration access to nobody reads (PCI 3.0, 3.2.2.3.4).
constexpr std::byte kAbsent{0xff};

/// CONFIG_ADDRESS and CONFIG_DATA (PCI 3.0, 3.2.2.3.2), from the first port on.
constexpr std::uint64_t kConfigAddress = 0, kConfigData = 4;
constexpr std::uint32_t kConfigEnable = 1U << 31;
constexpr std::uint32_t kConfigWritable = 0x80ff'fffc;
constexpr std::uint32_t kBusMask = 0x00ff'0000;

/// Registered as "PCIe host bridge" for virtual machines (QEMU, docs/specs/pci-ids); drivers ask for its class only.
constexpr PciIdentity kHostBridge{.vendor = 0x1b36, .device = 0x0008, .class_code = 0x06'00'00};

}  // namespace

PciHost::PciHost(const Setup& setup)
    : misplaced_{setup.log, "the guest put a PCI function's registers where the bus has no addresses"},
      range_{setup.window},
      bar_window_{bars_, setup.window ? setup.window->start() : 0},
      services_{setup.router, setup.doorbells, bars_, range_, misplaced_},
      spread_{setup.lines.size()} {
    if (setup.lines.empty()) throw std::logic_error{"PCI: no interrupt line"};
    for (const Line& line : setup.lines) wires_.emplace_back(line.wire, line.number);
    add({0, 0}, kHostBridge, {"PCI's host bridge", {}});
}

SharedWire& PciHost::wire_of(unsigned device, unsigned pin) {
    const auto used = used_.find({device, pin});
    return used == used_.end() ? wires_[(device + pin) % spread_] : *used->second;
}

SharedWire& PciHost::wire_for(const std::optional<Line>& line, unsigned device, unsigned pin) {
    if (!line) return wire_of(device, pin);
    const auto known = std::ranges::find_if(wires_, [&](const SharedWire& wire) { return wire.leads_to(line->wire); });
    return known == wires_.end() ? wires_.emplace_back(line->wire, line->number) : *known;
}

SharedWire& PciHost::wire(PciSlot slot, const PciOwner& owner, std::optional<Line> line) {
    SharedWire& wire = wire_for(line, slot.device(), slot.pin());
    const auto [used, is_new] = used_.try_emplace({slot.device(), slot.pin()}, &wire);
    if (!is_new && used->second != &wire)
        throw ConfigError{owner.where,
                          fmt::format("{} at pci:{} has the interrupt pin of another function, which leads elsewhere",
                                      owner.title, slot.text()),
                          "give both the same 'intr', or none"};
    return wire;
}

void PciHost::attach(PciSlot slot, ConfigTarget& function) {
    ConfigTarget*& place = functions_.at(slot.index());
    if (place != nullptr) throw std::logic_error{"PCI: the slot is taken"};
    place = &function;
}

PciEndpoint& PciHost::add(PciSlot slot, const PciIdentity& identity, PciOwner owner, std::optional<Line> line) {
    SharedWire& pin = wire(slot, owner, line);
    PciEndpoint& endpoint = endpoints_.emplace_back(services_, pin, slot, std::move(owner));
    attach(slot, endpoint);
    endpoint.identify(identity);
    return endpoint;
}

void PciHost::connect() {
    for (unsigned index = 0; index < PciSlot::kCount; ++index) {
        if (functions_[index] == nullptr) continue;
        functions_[index]->connect();
        const PciSlot slot = PciSlot::at(index);
        ConfigTarget* const first = functions_[PciSlot{slot.device(), 0}.index()];
        if (slot.function() != 0 && first != nullptr) first->be_multi_function();
    }
}

std::vector<PciFacts> PciHost::facts() const {
    std::vector<PciFacts> all;
    for (const ConfigTarget* function : functions_)
        if (function != nullptr) all.push_back(function->facts());
    return all;
}

unsigned PciHost::line_of(unsigned device, unsigned pin) const {
    const auto used = used_.find({device, pin});
    return (used == used_.end() ? wires_[(device + pin) % spread_] : *used->second).number();
}

/// `at` is what ECAM's addresses are made of on one bus: the slot and the offset in its 4 KiB.
void PciHost::read_config(std::uint64_t at, std::span<std::byte> data) noexcept {
    ConfigTarget* const function = functions_[at / ConfigSpace::kSize % PciSlot::kCount];
    if (function != nullptr) return function->read_config(at % ConfigSpace::kSize, data);
    std::ranges::fill(data, kAbsent);
}

void PciHost::write_config(std::uint64_t at, std::span<const std::byte> data) noexcept {
    ConfigTarget* const function = functions_[at / ConfigSpace::kSize % PciSlot::kCount];
    if (function != nullptr) function->write_config(at % ConfigSpace::kSize, data);
}

/// Wider accesses than a dword, or across its border, are not for software to make; they are cut.
void PciHost::Ecam::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    pci::by_dwords(offset, data,
                   [this](std::uint64_t at, std::span<std::byte> piece) { host_.read_config(at, piece); });
}

void PciHost::Ecam::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    pci::by_dwords(offset, data,
                   [this](std::uint64_t at, std::span<const std::byte> piece) { host_.write_config(at, piece); });
}

/// Which byte of ECAM an access to the data port means. Nothing: no port of this kind, not enabled, another bus.
std::optional<std::uint64_t> PciHost::Ports::target(std::uint64_t offset) const noexcept {
    const std::uint32_t address = address_.load(std::memory_order_relaxed);
    if (offset < kConfigData || (address & kConfigEnable) == 0 || (address & kBusMask) != 0) return std::nullopt;
    const std::uint64_t slot = address >> 8 & 0xff;
    return slot * ConfigSpace::kSize + (address & 0xfc) + (offset - kConfigData);
}

void PciHost::Ports::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    if (offset == kConfigAddress && data.size() == kDword)
        return pci::store(data, address_.load(std::memory_order_relaxed));
    if (const auto at = target(offset)) return host_.read_config(*at, data);
    std::ranges::fill(data, kAbsent);
}

/// Only a whole dword is the address; narrower accesses are those of ports that others have there (PCI 3.0, 3.2.2.3.2).
void PciHost::Ports::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    if (offset == kConfigAddress && data.size() == kDword)
        return address_.store(static_cast<std::uint32_t>(pci::load(data)) & kConfigWritable, std::memory_order_relaxed);
    if (const auto at = target(offset)) host_.write_config(*at, data);
}

}  // namespace qvm
