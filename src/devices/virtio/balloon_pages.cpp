// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/balloon_pages.hpp"

#include <algorithm>

#include "devices/virtio/balloon_format.hpp"
#include "vmm/release_memory.hpp"

namespace qvm {

bool has_huge_pages(const GuestMemory& memory) noexcept {
    return std::ranges::any_of(memory.blocks(),
                               [](const auto& block) { return block.page != GuestMemory::kSmallPage; });
}

BalloonPages::BalloonPages(std::span<const GuestMemory::Block> blocks, Log& log, const std::string& name)
    : blocks_{blocks},
      lost_{log, name + ": the host has no huge page for what the guest takes back; it dies if it uses it"} {
    for (const GuestMemory::Block& block : blocks) {
        if (block.page == GuestMemory::kSmallPage) continue;
        huge_.push_back({&block, std::vector<bool>(block.range.size() / kBalloonPage),
                         std::vector<std::uint32_t>(block.range.size() / block.page)});
    }
}

BalloonPages::~BalloonPages() {
    for (const Books& books : huge_)
        for (std::uint64_t huge = 0; huge < books.count.size(); ++huge)
            if (books.count[huge] == books.block->page / kBalloonPage) refill(books, huge);
}

const GuestMemory::Block* BalloonPages::ram_at(std::uint64_t address) const noexcept {
    const auto found =
        std::ranges::find_if(blocks_, [address](const auto& block) { return block.range.contains(address); });
    return found == blocks_.end() || found->kind == GuestMemory::Kind::Rom ? nullptr : &*found;
}

BalloonPages::Books* BalloonPages::books_of(const GuestMemory::Block& block) noexcept {
    const auto found = std::ranges::find(huge_, &block, &Books::block);
    return found == huge_.end() ? nullptr : &*found;
}

void BalloonPages::refill(const Books& books, std::uint64_t huge) noexcept {
    const std::uint64_t page = books.block->page;
    if (!qvm::refill(*books.block, huge * page, page)) lost_.count();
}

void BalloonPages::give(Books& books, std::uint64_t page) noexcept {
    const std::uint64_t all = books.block->page / kBalloonPage;
    const std::uint64_t huge = page / all;
    if (books.given[page]) return;
    books.given[page] = true;
    if (++books.count[huge] == all) release(*books.block, huge * books.block->page, books.block->page);
}

void BalloonPages::take(Books& books, std::uint64_t page) noexcept {
    const std::uint64_t all = books.block->page / kBalloonPage;
    const std::uint64_t huge = page / all;
    if (!books.given[page]) return;
    books.given[page] = false;
    if (books.count[huge]-- == all) refill(books, huge);
}

/// Calls `work(block, first, pages)` for pages that are neighbours, numbered from the start of their block.
template <typename Work>
void BalloonPages::for_runs(std::span<std::uint32_t> numbers, GuestFault& bad, Work work) noexcept {
    std::ranges::sort(numbers);
    for (std::size_t i = 0; i < numbers.size();) {
        const std::uint64_t start = numbers[i] * kBalloonPage;
        const GuestMemory::Block* const block = ram_at(start);
        if (block == nullptr) {
            bad.count();
            ++i;
            continue;
        }
        std::uint64_t last = numbers[i];
        for (++i; i < numbers.size() && numbers[i] - last <= 1; ++i) {
            if (!block->range.contains(numbers[i] * kBalloonPage)) break;
            last = numbers[i];
        }
        const std::uint64_t first = (start - block->range.start()) / kBalloonPage;
        work(*block, first, last - start / kBalloonPage + 1);
    }
}

void BalloonPages::inflate(std::span<std::uint32_t> numbers, GuestFault& bad) noexcept {
    for_runs(numbers, bad, [this](const GuestMemory::Block& block, std::uint64_t first, std::uint64_t pages) {
        Books* const books = books_of(block);
        if (books == nullptr) return void(release(block, first * kBalloonPage, pages * kBalloonPage));
        for (std::uint64_t page = first; page < first + pages; ++page) give(*books, page);
    });
}

void BalloonPages::deflate(std::span<std::uint32_t> numbers, GuestFault& bad) noexcept {
    for_runs(numbers, bad, [this](const GuestMemory::Block& block, std::uint64_t first, std::uint64_t pages) {
        Books* const books = books_of(block);
        if (books == nullptr) return;
        for (std::uint64_t page = first; page < first + pages; ++page) take(*books, page);
    });
}

}  // namespace qvm
