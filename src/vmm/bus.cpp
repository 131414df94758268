// SPDX-License-Identifier: Apache-2.0
#include "vmm/bus.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace qvm {

std::optional<BusConflict> Bus::attach(Range range, IoDevice& device, std::string owner) {
    const auto behind =
        std::ranges::upper_bound(entries_, range.start(), {}, [](const Entry& e) { return e.range.start(); });
    // Entries do not overlap each other, so that only the neighbours can overlap the new one.
    for (auto near = behind == entries_.begin() ? behind : std::prev(behind); near != entries_.end(); ++near) {
        if (near->range.overlaps(range)) return BusConflict{range, near->range, near->owner};
        if (near == behind) break;
    }
    entries_.insert(behind, Entry{range, &device, std::move(owner)});
    return std::nullopt;
}

const Bus::Entry* Bus::find(std::uint64_t at, std::size_t length) const noexcept {
    const auto behind = std::ranges::upper_bound(entries_, at, {}, [](const Entry& e) { return e.range.start(); });
    if (behind == entries_.begin()) return nullptr;
    const Entry& entry = *std::prev(behind);
    return entry.range.contains(at, length) ? &entry : nullptr;
}

std::optional<std::size_t> Bus::read(std::uint64_t at, std::span<std::byte> data) const noexcept {
    if (const Entry* entry = find(at, data.size())) {
        entry->device->read(at - entry->range.start(), data);
        return static_cast<std::size_t>(entry - entries_.data());
    }
    std::ranges::fill(data, std::byte{0xff});
    unclaimed_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
}

std::optional<std::size_t> Bus::write(std::uint64_t at, std::span<const std::byte> data) const noexcept {
    if (const Entry* entry = find(at, data.size())) {
        entry->device->write(at - entry->range.start(), data);
        return static_cast<std::size_t>(entry - entries_.data());
    }
    unclaimed_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
}

}  // namespace qvm
