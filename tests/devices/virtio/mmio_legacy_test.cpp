// SPDX-License-Identifier: Apache-2.0
// The legacy interface over MMIO (virtio 1.2, 4.2.4), by a device whose driver uses no other.
#include <catch2/catch.hpp>

#include "support/mmio_driver.hpp"

namespace qvm {

extern const VdevType kVirtioEntropy;

namespace {

using namespace test;
using Reg = MmioDriver::Reg;

struct Bench {
    Bench() {
        spec.with("legacy", std::monostate{});
        vdev = kVirtioEntropy.make(spec.get(), context);
    }
    FakeContext context;
    FakeSpec spec{kVirtioEntropy.syntax};
    std::unique_ptr<Vdev> vdev;
    MmioDriver driver{context};
};

constexpr std::uint32_t kEventIdx = virtio_feature::kEventIdx;
constexpr std::uint32_t kDriverOk = 4;

}  // namespace

TEST_CASE("legacy: version 1, 32 features, and the registers of the modern interface are not there") {
    Bench bench;
    CHECK(bench.driver.read(0x000) == 0x74726976);
    CHECK(bench.driver.read(0x004) == 1);
    CHECK(bench.driver.read(0x008) == 4);
    CHECK(bench.driver.offered() == (virtio_feature::kEventIdx | virtio_feature::kIndirectDesc));
    for (const std::uint64_t reg : {Reg::kQueueReady, Reg::kQueueDesc, Reg::kQueueDriver, Reg::kQueueDevice}) {
        bench.driver.write(reg, 1);
        CHECK(bench.driver.read(reg) == 0);
    }
}

TEST_CASE("legacy: a queue is where its page number and sizes say, and there is no FEATURES_OK") {
    for (const std::uint32_t features : {0U, kEventIdx}) {
        Bench bench;
        REQUIRE(bench.driver.start_legacy(features));
        CHECK(bench.driver.read(Reg::kQueuePfn) == 1);
        for (int i = 0; i < 20; ++i) {
            const Buffer room = bench.driver.heap.writable(16);
            bench.driver.send(0, {room});
            CHECK(bench.driver.wait_used(0).written == 16);
            CHECK(bench.driver.heap.text(room) != std::string(16, '\0'));
        }
        bench.driver.reset();
        CHECK(bench.driver.read(Reg::kStatus) == 0);
        CHECK(bench.driver.read(Reg::kQueuePfn) == 0);
        bench.driver.write(Reg::kQueuePfn, 2);  // the page size is still known
        CHECK(bench.driver.read(Reg::kQueuePfn) == 2);
    }
}

TEST_CASE("legacy: the queue is taken away with page number 0") {
    Bench bench;
    bench.driver.write(Reg::kGuestPageSize, 4096);
    bench.driver.write(Reg::kQueueSel, 0);
    bench.driver.write(Reg::kQueuePfn, 3);
    CHECK(bench.driver.read(Reg::kQueuePfn) == 3);
    bench.driver.write(Reg::kQueuePfn, 0);
    CHECK(bench.driver.read(Reg::kQueuePfn) == 0);
    bench.driver.write(Reg::kQueueNum, 4);  // which a queue that is ready would not take
    CHECK(bench.driver.read(Reg::kQueueNum) == 4);
}

TEST_CASE("legacy: features that were not offered do not start the device") {
    for (const std::uint32_t features : {1U, 1U << 31}) {
        Bench bench;
        CHECK_FALSE(bench.driver.start_legacy(features));
        CHECK((bench.driver.read(Reg::kStatus) & kDriverOk) == 0);
    }
    Bench bench;
    bench.driver.write(Reg::kDriverFeaturesSel, 1);
    bench.driver.write(Reg::kDriverFeatures, 1);  // VERSION_1
    bench.driver.write(Reg::kStatus, 7);
    CHECK((bench.driver.read(Reg::kStatus) & kDriverOk) == 0);
}

TEST_CASE("legacy: sizes that are no powers of two and queues that are not there are ignored") {
    Bench bench;
    const auto pfn_after = [&](std::uint32_t page_size, std::uint32_t align, std::uint32_t queue) {
        bench.driver.write(Reg::kStatus, 0);
        bench.driver.write(Reg::kGuestPageSize, page_size);
        bench.driver.write(Reg::kQueueSel, queue);
        bench.driver.write(Reg::kQueueAlign, align);
        bench.driver.write(Reg::kQueuePfn, 5);
        return bench.driver.read(Reg::kQueuePfn);
    };
    CHECK(pfn_after(4096, 4096, 0) == 5);
    CHECK(pfn_after(4096, 0, 0) == 5);  // a page
    CHECK(pfn_after(0, 4096, 0) == 0);
    CHECK(pfn_after(0, 0, 0) == 0);
    CHECK(pfn_after(4095, 4096, 0) == 0);
    CHECK(pfn_after(4096, 3, 0) == 0);
    CHECK(pfn_after(4096, 4096, 1) == 0);
    CHECK(pfn_after(4096, 4096, 0xffffffff) == 0);
    CHECK(pfn_after(1U << 31, 1U << 31, 0) == 5);
}

TEST_CASE("legacy: a queue outside of memory breaks the device, which can be reset") {
    Bench bench;
    bench.driver.write(Reg::kStatus, 3);
    bench.driver.write(Reg::kGuestPageSize, 1U << 31);
    bench.driver.write(Reg::kQueuePfn, 0xffffffff);
    bench.driver.write(Reg::kStatus, 7);
    bench.driver.write(Reg::kQueueNotify, 0);
    bench.driver.reset();
    CHECK(bench.driver.start_legacy(0));
}

}  // namespace qvm
