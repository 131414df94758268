// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/msix.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

#include "devices/pci/registers.hpp"
#include "vmm/units.hpp"

namespace qvm {

namespace {

constexpr std::uint64_t kDword = 4;
constexpr std::uint64_t kSmallestBar = 4 * kKiB;
/// The pending bits of a small table are at the half of its page.
constexpr std::uint64_t kPendingAlignment = 2 * kKiB;
constexpr std::uint32_t kVectorMask = 1;  // 6.8.2.9

/// Registers of a table entry (6.8.2, figure 6-12).
enum class EntryReg : std::uint64_t {
    MessageAddress = 0x0,
    MessageUpperAddress = 0x4,
    MessageData = 0x8,
    Control = 0xc
};

}  // namespace

Msix::Msix(MsiRouter& router, unsigned vectors, unsigned requester) : router_{router}, table_(vectors) {
    if (vectors == 0 || vectors > kMostVectors) throw std::logic_error{"MSI-X: 1 to 2048 vectors"};
    for (Entry& entry : table_) entry.message.device = requester;
}

std::uint32_t Msix::pending_offset() const noexcept {
    return static_cast<std::uint32_t>(align_up(table_.size() * kEntrySize, kPendingAlignment));
}

std::uint64_t Msix::bar_size() const noexcept {
    const std::uint64_t pending = align_up(table_.size(), 64) / 8;
    return std::max(kSmallestBar, std::bit_ceil(pending_offset() + pending));
}

void Msix::connect() {
    first_ = router_.reserve(vectors());
    for (unsigned vector = 0; vector < vectors(); ++vector) router_.mask(*first_ + vector);
}

/// Software reads whole dwords or quadwords (6.8.2); narrower reads get their part.
void Msix::read(std::uint64_t offset, std::span<std::byte> data) noexcept {
    const std::scoped_lock lock{mutex_};
    pci::by_dwords(offset, data, [this](std::uint64_t at, std::span<std::byte> piece) {
        pci::store(piece, read_dword(align_down(at, kDword)) >> 8 * (at % kDword));
    });
}

/// What is no whole number of aligned dwords does nothing (6.8.2).
void Msix::write(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    if (offset % kDword != 0 || data.size() % kDword != 0) return;
    const std::scoped_lock lock{mutex_};
    for (; !data.empty(); data = data.subspan(kDword), offset += kDword)
        write_table(offset, static_cast<std::uint32_t>(pci::load(data.first(kDword))));
}

std::uint32_t Msix::read_dword(std::uint64_t offset) const noexcept {
    if (offset < table_.size() * kEntrySize) return read_table(offset);
    return offset >= pending_offset() ? read_pending(offset - pending_offset()) : 0;
}

std::uint32_t Msix::read_table(std::uint64_t offset) const noexcept {
    const Entry& entry = table_[offset / kEntrySize];
    switch (static_cast<EntryReg>(offset % kEntrySize)) {
        case EntryReg::MessageAddress:
            return static_cast<std::uint32_t>(entry.message.address);
        case EntryReg::MessageUpperAddress:
            return static_cast<std::uint32_t>(entry.message.address >> 32);
        case EntryReg::MessageData:
            return entry.message.data;
        case EntryReg::Control:
            break;
    }
    return entry.masked ? kVectorMask : 0;
}

std::uint32_t Msix::read_pending(std::uint64_t offset) const noexcept {
    std::uint32_t bits = 0;
    if (!first_) return bits;
    for (unsigned bit = 0; bit < 32; ++bit) {
        const std::uint64_t vector = offset * 8 + bit;
        if (vector >= table_.size()) break;
        if (!table_[vector].open && router_.pending(*first_ + static_cast<unsigned>(vector))) bits |= 1U << bit;
    }
    return bits;
}

void Msix::write_table(std::uint64_t offset, std::uint32_t value) noexcept {
    if (offset >= table_.size() * kEntrySize) return;  // pending bits are read-only
    const auto vector = static_cast<unsigned>(offset / kEntrySize);
    Entry& entry = table_[vector];
    switch (static_cast<EntryReg>(offset % kEntrySize)) {
        case EntryReg::MessageAddress:  // its two lowest bits are always 0 (6.8.2.7)
            entry.message.address = (entry.message.address & ~0xffff'ffffULL) | (value & ~3U);
            break;
        case EntryReg::MessageUpperAddress:
            entry.message.address = (entry.message.address & 0xffff'ffff) | static_cast<std::uint64_t>(value) << 32;
            break;
        case EntryReg::MessageData:
            entry.message.data = value;
            break;
        case EntryReg::Control:
            entry.masked = (value & kVectorMask) != 0;
            break;
    }
    settle(vector);
}

void Msix::control(bool enabled, bool masked) noexcept {
    {
        const std::scoped_lock lock{mutex_};
        const bool switches = enabled_.load(std::memory_order_relaxed) != enabled;
        if (!switches && function_masked_ == masked) return;
        function_masked_ = masked;
        enabled_.store(enabled, std::memory_order_release);
        if (switches) forget_used();
        for (unsigned vector = 0; vector < vectors(); ++vector) settle(vector);
        if (!switches) return;
    }
    if (switched_) switched_();
}

/// Tells the router what has changed: an open vector's message at once, a masked one's when it opens, since each
/// change of a route costs the kernel its whole table.
void Msix::settle(unsigned vector) noexcept {
    if (!first_) return;
    Entry& entry = table_[vector];
    const unsigned gsi = *first_ + vector;
    const bool open = enabled_.load(std::memory_order_relaxed) && !function_masked_ && !entry.masked;
    if (open) {
        moved_ |= std::exchange(entry.address, entry.message.address) != entry.message.address;
        router_.route(gsi, entry.message);
    }
    if (std::exchange(entry.open, open) == open) return;
    if (!open) return router_.mask(gsi);
    router_.unmask(gsi);
    entry.used = true;
    used_.store(std::max(used_.load(std::memory_order_relaxed), vector + 1), std::memory_order_release);
}

void Msix::forget_used() noexcept {
    used_.store(0, std::memory_order_release);
    for (Entry& entry : table_) entry.used = false;
}

void Msix::signal_used(unsigned count) noexcept {
    const std::scoped_lock lock{mutex_};
    for (unsigned vector = 0; vector < std::min(count, vectors()); ++vector)
        if (table_[vector].used) signal(vector);
}

void Msix::signal(unsigned vector) noexcept {
    if (first_ && vector < table_.size() && enabled()) router_.signal(*first_ + vector);
}

std::uint64_t Msix::address(unsigned vector) const noexcept {
    const std::scoped_lock lock{mutex_};
    return table_[vector].address;
}

bool Msix::take_moved() noexcept {
    const std::scoped_lock lock{mutex_};
    return std::exchange(moved_, false);
}

int Msix::trigger(unsigned vector) noexcept {
    return first_ && vector < table_.size() ? router_.trigger(*first_ + vector) : -1;
}

}  // namespace qvm
