// SPDX-License-Identifier: Apache-2.0
#include "vmm/guest_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <fstream>

#include "vmm/error.hpp"
#include "vmm/host_memory.hpp"

using namespace qvm;

namespace {

GuestMemory two_blocks() {
    GuestMemory memory;
    memory.add(Range::make(0x10'0000, 0x2000).value(), GuestMemory::Kind::Ram);
    memory.add(Range::make(0, 0x1000).value(), GuestMemory::Kind::Rom);
    return memory;
}

/// Pages of the block that are in memory.
std::size_t resident(const GuestMemory::Block& block) {
    const auto bytes = block.mapping.bytes();
    std::vector<unsigned char> pages(bytes.size() / GuestMemory::kSmallPage);
    REQUIRE(::mincore(bytes.data(), bytes.size(), pages.data()) == 0);
    return static_cast<std::size_t>(std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

constexpr const char* kPoolSize = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";

void set_pool_size(std::uint64_t pages) { std::ofstream{kPoolSize} << pages; }

/// As many more huge pages as the test needs, if one may make them; given back.
class BorrowedHugePages {
public:
    explicit BorrowedHugePages(std::uint64_t pages) : before_{huge_page_pool("/", 2 * kMiB)} {
        constexpr std::uint64_t kLeave = kGiB;
        const auto left = proc_size("/proc/meminfo", "MemAvailable").value_or(0);
        if (before_ && left > kLeave + pages * 2 * kMiB) set_pool_size(before_->total + pages);
    }
    ~BorrowedHugePages() {
        if (before_) set_pool_size(before_->total);
    }
    BorrowedHugePages(const BorrowedHugePages&) = delete;
    BorrowedHugePages& operator=(const BorrowedHugePages&) = delete;

private:
    std::optional<HugePagePool> before_;
};

std::uint64_t available_huge_pages() {
    const auto pool = huge_page_pool("/", 2 * kMiB);
    return pool ? pool->available() : 0;
}

}  // namespace

TEST_CASE("guest memory is zeroed and in order of address") {
    const GuestMemory memory = two_blocks();
    REQUIRE(memory.blocks().size() == 2);
    CHECK(memory.blocks()[0].kind == GuestMemory::Kind::Rom);
    CHECK(memory.read<std::uint64_t>(Gpa{0x10'1ff8}) == 0U);
}

TEST_CASE("what is written to guest memory is read back") {
    const GuestMemory memory = two_blocks();
    REQUIRE(memory.write(Gpa{0x10'0ffe}, std::uint32_t{0x12345678}));
    CHECK(memory.read<std::uint16_t>(Gpa{0x10'1000}) == 0x1234);
}

TEST_CASE("an access that leaves its block is refused whole") {
    const GuestMemory memory = two_blocks();
    CHECK_FALSE(memory.read<std::uint64_t>(Gpa{0x10'1ff9}));
    CHECK_FALSE(memory.read<std::uint8_t>(Gpa{0x10'2000}));
    CHECK_FALSE(memory.read<std::uint8_t>(Gpa{0x1000}));
    CHECK_FALSE(memory.write(Gpa{0xffe}, std::uint32_t{1}));
    CHECK_FALSE(memory.span(Gpa{~0ULL}, 2));
    CHECK_FALSE(memory.span(Gpa{0}, ~std::size_t{0}));
    CHECK(memory.span(Gpa{0x10'0000}, 0x2000));
}

TEST_CASE("memory that the host cannot have is an error that names size and place") {
    GuestMemory memory;
    // A file cannot be that long.
    CHECK_THROWS_AS(memory.add(Range::make(0x1000, 1ULL << 63).value(), GuestMemory::Kind::Ram), HostError);
}

TEST_CASE("prefault brings all guest memory in, and lock keeps it there", "[kernel]") {
    GuestMemory memory = two_blocks();
    memory.prefault();
    for (const auto& block : memory.blocks()) CHECK(resident(block) == block.range.size() / GuestMemory::kSmallPage);
    const auto before = proc_size("/proc/self/status", "VmLck").value();
    memory.lock();
    CHECK(proc_size("/proc/self/status", "VmLck") == before + 0x3000);
}

TEST_CASE("huge pages are taken at once, aligned, and given back", "[kernel]") {
    const BorrowedHugePages borrowed{4};
    const std::uint64_t before = available_huge_pages();
    if (before < 4) {
        WARN("skipped: this host has no huge pages and one may not make any");
        return;
    }
    {
        GuestMemory memory;
        memory.add(Range::make(0, 8 * kMiB).value(), GuestMemory::Kind::Ram, 2 * kMiB);
        CHECK(available_huge_pages() == before - 4);
        const auto bytes = memory.blocks().front().mapping.bytes();
        CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % (2 * kMiB) == 0);
        CHECK(memory.write(Gpa{8 * kMiB - 4}, std::uint32_t{1}));
        memory.prefault();
        memory.lock();
    }
    CHECK(available_huge_pages() == before);
}

TEST_CASE("too few huge pages are an error and never a SIGBUS") {
    const std::uint64_t pages = available_huge_pages() + 1;
    GuestMemory memory;
    CHECK_THROWS_WITH(memory.add(Range::make(0, pages * 2 * kMiB).value(), GuestMemory::Kind::Ram, 2 * kMiB),
                      Catch::Contains("huge pages of 2.0 MiB") && Catch::Contains("guest memory at 0x0: "));
}

TEST_CASE("memory that is mapped already keeps what is in it, and is no file") {
    const UniqueFd file{::memfd_create("host", MFD_CLOEXEC)};
    REQUIRE(::ftruncate(file.get(), 0x4000) == 0);
    Mapping mapping{"map", file.get(), 0x4000};
    mapping.bytes()[0x1000] = std::byte{0x5a};
    mapping.keep(0x1000, 0x2000);
    CHECK(mapping.bytes().size() == 0x2000);
    GuestMemory memory = two_blocks();
    memory.add(Range::make(0x8000, 0x2000).value(), std::move(mapping));
    REQUIRE(memory.blocks().size() == 3);
    CHECK(memory.blocks()[1].is_passed());
    CHECK_FALSE(memory.blocks()[2].is_passed());
    CHECK(memory.read<std::uint8_t>(Gpa{0x8000}) == 0x5a);
    memory.prefault();
    memory.lock();
    CHECK(memory.read<std::uint8_t>(Gpa{0x8000}) == 0x5a);
    CHECK_FALSE(memory.span(Gpa{0x9fff}, 2));
}
