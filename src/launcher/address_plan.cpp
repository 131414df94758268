// SPDX-License-Identifier: Apache-2.0
#include "launcher/address_plan.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

namespace qvm {

namespace {

using Space = GuestLocation::Space;

std::string pci_name(std::uint64_t address) {
    return fmt::format("pci:{}:{}.{}", address >> 8, address >> 3 & 31, address & 7);
}

std::string describe(Space space, const Range& range) {
    if (space == Space::Pci) return pci_name(range.start());
    return fmt::format("{:#x} to {:#x}", range.start(), range.last());
}

bool is_memory(const AddressPlan::Holder& holder) noexcept { return holder.owner == "ram" || holder.owner == "rom"; }

ConfigError conflict(Space space, const std::string& owner, const Range& wanted, const Location& where,
                     const AddressPlan::Holder& other) {
    const bool memory = is_memory(other);
    ConfigError error{
        where,
        fmt::format("{} at {} {} {} at {}", owner, describe(space, wanted),
                    memory ? "lies in guest memory:" : "overlaps", other.owner, describe(space, other.range)),
        memory ? "move the vdev with 'loc', or split the 'ram' line around it" : "give it another place with 'loc'"};
    if (!other.where) return error;
    return std::move(error).noting(*other.where,
                                   fmt::format("{} is given {} here", other.owner, describe(space, other.range)));
}

}  // namespace

AddressPlan::AddressPlan(const VmConfig& config, const Buses& buses) {
    for (const MemorySpec& memory : config.memory)
        put(Space::Memory, {memory.range, memory.rom ? "rom" : "ram", memory.where});
    for (const Bus::Entry& entry : buses.mmio.entries()) put(Space::Memory, {entry.range, entry.owner, {}});
    for (const Bus::Entry& entry : buses.pio.entries()) put(Space::Io, {entry.range, entry.owner, {}});
}

AddressPlan::Holders& AddressPlan::holders(Space space) noexcept {
    if (space == Space::Io) return spaces_[1];
    return space == Space::Pci ? spaces_[2] : spaces_[0];
}

const AddressPlan::Holder* AddressPlan::overlapping(const Holders& holders, const Range& range) noexcept {
    const auto after = holders.upper_bound(range.start());
    if (after != holders.begin() && std::prev(after)->second.range.overlaps(range)) return &std::prev(after)->second;
    return after != holders.end() && after->second.range.overlaps(range) ? &after->second : nullptr;
}

void AddressPlan::put(Space space, Holder holder) {
    const std::uint64_t start = holder.range.start();
    holders(space).insert_or_assign(start, std::move(holder));
}

void AddressPlan::keep(Space space, const Range& range, const std::string& owner) { put(space, {range, owner, {}}); }

void AddressPlan::take(Space space, std::uint64_t start, std::uint64_t size, const std::string& owner,
                       const Location& where) {
    const bool io = space == Space::Io;
    const auto range = Range::make(start, size);
    if (!range || (io && range->last() > UINT16_MAX))
        throw ConfigError{
            where, fmt::format("{} needs {:#x} {} from {:#x} on, which passes the end of the address space", owner,
                               size, io ? "ports" : "bytes", start)};
    if (const Holder* other = overlapping(holders(space), *range)) throw conflict(space, owner, *range, where, *other);
    put(space, {*range, owner, where});
}

}  // namespace qvm
