// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vmm/guest_memory.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// What a balloon holds, as far as the host must know. Small pages need no books: they go when the guest gives them
/// away, and come back by themselves. A huge page goes when all small pages of it have been given away, and is taken
/// from the host again before the guest is told that it may use one of them. On one thread.
class BalloonPages {
public:
    /// `blocks` of guest memory, all of them; they stay where they are.
    BalloonPages(std::span<const GuestMemory::Block> blocks, Log& log, const std::string& name);
    /// The guest has lost its memory of what it gave away: takes all huge pages back.
    ~BalloonPages();
    BalloonPages(const BalloonPages&) = delete;
    BalloonPages& operator=(const BalloonPages&) = delete;

    /// The guest's page numbers, of kBalloonPage, in any order. Sorts them. What is not RAM is counted in `bad`.
    void inflate(std::span<std::uint32_t> numbers, GuestFault& bad) noexcept;
    void deflate(std::span<std::uint32_t> numbers, GuestFault& bad) noexcept;

private:
    /// A block on huge pages.
    struct Books {
        const GuestMemory::Block* block;
        std::vector<bool> given;           ///< of small pages
        std::vector<std::uint32_t> count;  ///< of them by huge page
    };
    [[nodiscard]] const GuestMemory::Block* ram_at(std::uint64_t address) const noexcept;
    [[nodiscard]] Books* books_of(const GuestMemory::Block& block) noexcept;
    void give(Books& books, std::uint64_t page) noexcept;
    void take(Books& books, std::uint64_t page) noexcept;
    void refill(const Books& books, std::uint64_t huge) noexcept;
    template <typename Work>
    void for_runs(std::span<std::uint32_t> numbers, GuestFault& bad, Work work) noexcept;

    const std::span<const GuestMemory::Block> blocks_;
    GuestFault lost_;
    std::vector<Books> huge_;
};

/// Whether some RAM is on huge pages. Those are gone for good if the host has none left when the guest wants them back.
[[nodiscard]] bool has_huge_pages(const GuestMemory& memory) noexcept;

}  // namespace qvm
