// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/balloon_queues.hpp"

#include <algorithm>
#include <utility>

#include "vmm/release_memory.hpp"

namespace qvm {
namespace {

/// Longer than what Linux sends, which is one of each tag.
constexpr std::size_t kMostStats = 64;

void finish_turn(ServedQueue& queue, VirtioTransport& transport) noexcept {
    queue.notify();
    if (queue.broken()) transport.needs_reset(queue.fault());
}

/// The block of RAM that the host sees at `address`; null if there is none.
[[nodiscard]] const GuestMemory::Block* block_around(const GuestMemory& memory, const std::byte* address) noexcept {
    const auto found = std::ranges::find_if(memory.blocks(), [address](const GuestMemory::Block& block) {
        const auto bytes = block.mapping.bytes();
        return !std::less{}(address, bytes.data()) && std::less{}(address, bytes.data() + bytes.size());
    });
    return found == memory.blocks().end() || found->kind != GuestMemory::Kind::Ram ? nullptr : &*found;
}

}  // namespace

BalloonCounters::BalloonCounters(Log& log, const std::string& name)
    : bad_page{log, name + ": the guest named a page that is not its RAM"},
      bad_list{log, name + ": the guest gave what is no list of pages"},
      bad_report{log, name + ": the guest reported free pages in a buffer that names none"},
      bad_statistics{log, name + ": the guest gave statistics that are none"} {}

BalloonList::BalloonList(const BalloonContext& context, QueueEnd& end, Work work)
    : context_{context}, work_{std::move(work)}, queue_{context.loop, context.memory, end, [this] { serve(); }} {}

void BalloonList::serve() noexcept {
    std::size_t left = kPagesPerTurn;
    while (left != 0) {
        if (!chain_) {
            chain_ = queue_.pop();
            offset_ = 0;
            if (!chain_) break;
            if (chain_->readable_size() % sizeof(std::uint32_t) != 0 || chain_->readable_size() == 0)
                context_.counters.bad_list.count();
        }
        left -= std::max<std::size_t>(read_some(left), 1);
    }
    if (left == 0) queue_.again();
    finish_turn(queue_, context_.transport);
}

/// Returns how many there were. Gives the chain back when there are no more in it.
std::size_t BalloonList::read_some(std::size_t most) noexcept {
    std::array<std::uint32_t, kPagesPerTurn> numbers{};
    const auto wanted = std::as_writable_bytes(std::span{numbers}.first(most));
    const std::size_t bytes = chain_->read(offset_, wanted);
    const std::size_t count = bytes / sizeof(std::uint32_t);
    work_(std::span{numbers}.first(count));
    offset_ += bytes;
    if (bytes < wanted.size() || offset_ >= chain_->readable_size())
        queue_.push(std::move(*std::exchange(chain_, {})), 0);
    return count;
}

BalloonReports::BalloonReports(const BalloonContext& context, QueueEnd& end, std::function<bool()> keeps)
    : context_{context}, keeps_{std::move(keeps)}, queue_{context.loop, context.memory, end, [this] { serve(); }} {}

void BalloonReports::serve() noexcept {
    std::uint64_t left = kBytesPerTurn;
    while (left != 0) {
        if (!chain_) {
            chain_ = queue_.pop();
            piece_ = 0;
            offset_ = 0;
            if (!chain_) break;
            if (chain_->writable_size() == 0) context_.counters.bad_report.count();
        }
        left -= std::clamp<std::uint64_t>(release_some(left), std::min(left, GuestMemory::kSmallPage), left);
    }
    if (left == 0) queue_.again();
    finish_turn(queue_, context_.transport);
}

/// Of one piece. Returns how many bytes it has looked at.
std::uint64_t BalloonReports::release_some(std::uint64_t most) noexcept {
    const auto pieces = chain_->writable();
    if (piece_ == pieces.size() || keeps_()) {
        give_back();
        return 0;
    }
    const iovec& piece = pieces[piece_];
    const std::uint64_t bytes = std::min<std::uint64_t>(piece.iov_len - offset_, most);
    const std::byte* const start = static_cast<const std::byte*>(piece.iov_base) + offset_;
    if (const auto* const block = block_around(context_.memory, start))
        release(*block, static_cast<std::uint64_t>(start - block->mapping.bytes().data()), bytes);
    offset_ += bytes;
    if (offset_ == piece.iov_len) {
        ++piece_;
        offset_ = 0;
    }
    if (piece_ == pieces.size()) give_back();
    return bytes;
}

void BalloonReports::give_back() noexcept { queue_.push(std::move(*std::exchange(chain_, {})), 0); }

BalloonStatistics::BalloonStatistics(const BalloonContext& context, QueueEnd& end,
                                     std::function<void(const Values&)> told)
    : context_{context}, told_{std::move(told)}, queue_{context.loop, context.memory, end, [this] { serve(); }} {}

void BalloonStatistics::serve() noexcept {
    unsigned left = 4;  // a driver that keeps to 5.5.6.3 has one
    for (; left != 0; --left) {
        auto chain = queue_.pop();
        if (!chain) break;
        const Values values = read(*chain);
        if (held_) {
            context_.counters.bad_statistics.count();
            queue_.push(std::move(*chain), 0);
            continue;
        }
        held_ = std::move(chain);
        told_(values);
    }
    if (left == 0) queue_.again();
    finish_turn(queue_, context_.transport);
}

BalloonStatistics::Values BalloonStatistics::read(const Chain& chain) noexcept {
    std::array<BalloonStat, kMostStats> stats{};
    const std::size_t bytes = chain.read(0, std::as_writable_bytes(std::span{stats}));
    if (bytes == 0 || bytes % sizeof(BalloonStat) != 0) context_.counters.bad_statistics.count();
    Values values{};
    for (const BalloonStat stat : std::span{stats}.first(bytes / sizeof(BalloonStat))) {
        const std::uint64_t value = stat.val;  // nothing may refer to what is not aligned
        if (stat.tag < values.size()) values[stat.tag] = value;
    }
    return values;
}

void BalloonStatistics::ask() noexcept {
    if (!held_) return;
    queue_.push(std::move(*std::exchange(held_, {})), 0);
    queue_.notify();
}

}  // namespace qvm
