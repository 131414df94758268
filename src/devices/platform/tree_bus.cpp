// SPDX-License-Identifier: Apache-2.0
#include "devices/platform/tree_bus.hpp"

namespace qvm {
namespace {

constexpr std::uint32_t kMostCells = 2;

bool is_ours(const TreeBus& bus) noexcept {
    return bus.address_cells - 1 < kMostCells && bus.size_cells - 1 < kMostCells;
}

std::uint64_t number(std::span<const std::uint32_t> cells) noexcept {
    std::uint64_t value = 0;
    for (const std::uint32_t cell : cells) value = value << 32 | cell;
    return value;
}

/// From an address below `bus` to one above it.
std::optional<std::uint64_t> through(const TreeBus& bus, const TreeBus& above, std::uint64_t address) {
    if (!bus.ranges) return std::nullopt;
    if (bus.ranges->empty()) return address;
    if (!is_ours(bus) || !is_ours(above)) return std::nullopt;
    const std::size_t row = std::size_t{bus.address_cells} + above.address_cells + bus.size_cells;
    for (std::span<const std::uint32_t> rest{*bus.ranges}; rest.size() >= row; rest = rest.subspan(row)) {
        const std::uint64_t from = number(rest.first(bus.address_cells));
        const std::uint64_t to = number(rest.subspan(bus.address_cells, above.address_cells));
        const std::size_t behind = std::size_t{bus.address_cells} + above.address_cells;
        const auto range = Range::make(from, number(rest.subspan(behind, bus.size_cells)));
        if (range && range->contains(address)) return to + (address - from);
    }
    return std::nullopt;
}

}  // namespace

std::vector<std::uint32_t> tree_cells(std::span<const std::byte> value) {
    std::vector<std::uint32_t> cells;
    for (std::size_t at = 0; at + 4 <= value.size(); at += 4) {
        std::uint32_t cell = 0;
        for (const std::byte byte : value.subspan(at, 4)) cell = cell << 8 | std::to_integer<std::uint32_t>(byte);
        cells.push_back(cell);
    }
    return cells;
}

std::vector<std::optional<Range>> registers_behind(std::span<const TreeBus> buses, std::span<const std::uint32_t> reg) {
    std::vector<std::optional<Range>> all;
    if (buses.empty() || !is_ours(buses.back())) return all;
    const TreeBus& form = buses.back();
    const std::size_t row = std::size_t{form.address_cells} + form.size_cells;
    for (; reg.size() >= row; reg = reg.subspan(row)) {
        std::optional<std::uint64_t> at = number(reg.first(form.address_cells));
        for (std::size_t i = buses.size(); at && i-- > 1;) at = through(buses[i], buses[i - 1], *at);
        all.push_back(at ? Range::make(*at, number(reg.subspan(form.address_cells, form.size_cells))) : std::nullopt);
    }
    return all;
}

}  // namespace qvm
