// SPDX-License-Identifier: Apache-2.0
// The books of a balloon on huge pages. What the host calls a small page is good enough for them.
#include "devices/virtio/balloon_pages.hpp"

#include <sys/mman.h>

#include <catch2/catch.hpp>
#include <numeric>

#include "devices/virtio/balloon_bench.hpp"
#include "vmm/release_memory.hpp"

namespace qvm {
namespace {

using namespace test;

constexpr std::uint64_t kHuge = 2 * kMiB;
constexpr std::uint64_t kStart = 4 * kMiB;
constexpr std::uint32_t kFirst = kStart / kBalloonPage;
constexpr std::uint32_t kPerHuge = kHuge / kBalloonPage;

struct HugeBench {
    HugeBench() {
        UniqueFd memfd{::memfd_create("test", MFD_CLOEXEC)};
        REQUIRE(::ftruncate(memfd.get(), 2 * kHuge) == 0);
        Mapping mapping{"test", memfd.get(), 2 * kHuge};
        std::ranges::fill(mapping.bytes(), std::byte{1});
        blocks.push_back({Range::make(kStart, 2 * kHuge).value(), GuestMemory::Kind::Ram, kHuge, std::move(memfd),
                          std::move(mapping)});
        pages.emplace(blocks, log, "balloon");
    }
    void inflate(std::uint32_t first, std::uint32_t count) {
        auto numbers = sequence(first, count);
        pages->inflate(numbers, bad);
    }
    void deflate(std::uint32_t first, std::uint32_t count) {
        auto numbers = sequence(first, count);
        pages->deflate(numbers, bad);
    }
    [[nodiscard]] static std::vector<std::uint32_t> sequence(std::uint32_t first, std::uint32_t count) {
        std::vector<std::uint32_t> numbers(count);
        std::iota(numbers.begin(), numbers.end(), first);
        return numbers;
    }
    [[nodiscard]] std::uint64_t there() const { return present(blocks.front()); }

    Log log{"test", silence()};
    GuestFault bad{log, "bad"};
    std::vector<GuestMemory::Block> blocks;
    std::optional<BalloonPages> pages;
};

}  // namespace

TEST_CASE("a huge page goes with the last of its small pages, and comes back with the first") {
    HugeBench bench;
    bench.inflate(kFirst + 1, kPerHuge - 1);
    for (int i = 0; i < 3; ++i) bench.inflate(kFirst + kPerHuge, kPerHuge - 1);  // again and again the same ones
    CHECK(bench.there() == 2 * kHuge);
    bench.inflate(kFirst, 1);
    CHECK(bench.there() == kHuge);
    bench.deflate(kFirst + 7, 1);
    CHECK(bench.there() == 2 * kHuge);
    bench.deflate(kFirst + 7, 1);
    bench.inflate(kFirst + 7, 1);
    CHECK(bench.there() == kHuge);
    CHECK(bench.bad.total() == 0);
}

TEST_CASE("a balloon that is reset takes all its huge pages back") {
    HugeBench bench;
    bench.inflate(kFirst, 2 * kPerHuge);
    CHECK(bench.there() == 0);
    bench.pages.reset();
    CHECK(bench.there() == 2 * kHuge);
}

TEST_CASE("only whole pages are released") {
    HugeBench bench;
    const GuestMemory::Block& block = bench.blocks.front();
    CHECK(release(block, 1, 2 * kHuge - 1) == kHuge);
    CHECK(bench.there() == kHuge);
    CHECK(release(block, 4096, kHuge - 4096) == 0);
    CHECK(release(block, 0, 0) == 0);
    CHECK(block.mapping.bytes()[kHuge - 1] == std::byte{1});
    CHECK(block.mapping.bytes()[kHuge] == std::byte{0});
    CHECK(refill(block, kHuge, kHuge));
    CHECK(bench.there() == 2 * kHuge);
}

}  // namespace qvm
