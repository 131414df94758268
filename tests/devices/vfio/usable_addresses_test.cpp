// SPDX-License-Identifier: Apache-2.0
// The answer to VFIO_IOMMU_GET_INFO as Linux 6.1 gives it.
#include "devices/vfio/usable_addresses.hpp"

#include <linux/vfio.h>

#include <catch2/catch.hpp>
#include <cstring>

using namespace qvm;

namespace {

constexpr std::uint32_t kFirst = sizeof(vfio_iommu_type1_info);

class Answer {
public:
    Answer() {
        vfio_iommu_type1_info head{};
        head.argsz = static_cast<std::uint32_t>(bytes.size());
        head.flags = VFIO_IOMMU_INFO_CAPS;
        head.cap_offset = kFirst;
        put(0, head);
    }
    template <typename T>
    void put(std::size_t at, const T& value) {
        std::memcpy(bytes.data() + at, &value, sizeof value);
    }
    void capability(std::uint32_t at, std::uint16_t id, std::uint32_t next) {
        vfio_info_cap_header header{};
        header.id = id;
        header.version = 1;
        header.next = next;
        put(at, header);
    }
    /// What follows a capability's header: how many ranges there are, and those.
    void ranges(std::uint32_t at, std::uint32_t count, const std::vector<vfio_iova_range>& all) {
        put(at + sizeof(vfio_info_cap_header), count);
        for (std::size_t i = 0; i < all.size(); ++i)
            put(at + sizeof(vfio_iommu_type1_info_cap_iova_range) + i * sizeof(vfio_iova_range), all[i]);
    }
    std::vector<std::byte> bytes = std::vector<std::byte>(512);
};

Range range(std::uint64_t start, std::uint64_t last) { return Range::make(start, last - start + 1).value(); }

/// As behind ARM's SMMUv3: a hole of 1 MiB for messages.
const std::vector<Range> kAroundMessages{range(0, 0x7ff'ffff), range(0x810'0000, 0xffff'ffff'ffff)};

}  // namespace

TEST_CASE("the addresses for DMA are found among the kernel's capabilities") {
    Answer answer;
    answer.capability(kFirst, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, 64);
    answer.capability(64, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 0);
    answer.ranges(64, 2, {{0, 0x7ff'ffff}, {0x810'0000, 0xffff'ffff'ffff}});
    CHECK(usable_addresses(answer.bytes) == kAroundMessages);
}

TEST_CASE("a kernel that does not list the addresses says nothing") {
    Answer none;
    none.put(0, vfio_iommu_type1_info{});
    CHECK_FALSE(usable_addresses(none.bytes));
    Answer others;
    others.capability(kFirst, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, 0);
    CHECK_FALSE(usable_addresses(others.bytes));
    CHECK_FALSE(usable_addresses({}));
}

TEST_CASE("a list of addresses that makes no sense is read to its end and no further") {
    Answer answer;
    answer.capability(kFirst, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 0);
    answer.ranges(kFirst, UINT32_MAX, {{0, UINT64_MAX}, {9, 3}});
    const auto found = usable_addresses(answer.bytes);
    REQUIRE(found);
    CHECK(found->front() == Range::make(0, UINT64_MAX));
    CHECK(found->size() < answer.bytes.size() / sizeof(vfio_iova_range));
    Answer circle;
    circle.capability(kFirst, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, kFirst);
    CHECK_FALSE(usable_addresses(circle.bytes));
    Answer beyond;
    beyond.capability(kFirst, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, 4096);
    CHECK_FALSE(usable_addresses(beyond.bytes));
}

TEST_CASE("memory may be where devices reach all of it") {
    CHECK_FALSE(first_unusable(range(0x8000'0000, 0x8fff'ffff), kAroundMessages));
    CHECK_FALSE(first_unusable(range(0, 0x7ff'ffff), kAroundMessages));
    CHECK(first_unusable(range(0, 0x1000'0000), kAroundMessages) == range(0x800'0000, 0x80f'ffff));
    CHECK(first_unusable(range(0x800'0000, 0x800'0fff), kAroundMessages) == range(0x800'0000, 0x800'0fff));
    CHECK(first_unusable(range(0x100'0000'0000, 0x1'0000'0000'0fff), kAroundMessages) ==
          range(0x1'0000'0000'0000, 0x1'0000'0000'0fff));
    CHECK(first_unusable(range(0, 1), {}) == range(0, 1));
}

TEST_CASE("memory may span ranges that touch, in any order") {
    const std::vector<Range> touching{range(0x2000, 0x2fff), range(0x1000, 0x1fff)};
    CHECK_FALSE(first_unusable(range(0x1000, 0x2fff), touching));
    CHECK(first_unusable(range(0x0, 0x2fff), touching) == range(0x0, 0xfff));
}
