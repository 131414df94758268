// SPDX-License-Identifier: Apache-2.0
// virtio-entropy through its transport.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>

#include "devices/host/run_on_loop.hpp"
#include "support/mmio_driver.hpp"
#include "vmm/token_bucket.hpp"

namespace qvm {

extern const VdevType kVirtioEntropy;

namespace {

using namespace test;
using namespace std::chrono_literals;

class Bench {
public:
    explicit Bench(std::uint64_t rate = 0) {
        if (rate != 0) spec.with("rate", rate);
        vdev = kVirtioEntropy.make(spec.get(), context);
    }
    FakeContext context;
    FakeSpec spec{kVirtioEntropy.syntax};
    std::unique_ptr<Vdev> vdev;
    MmioDriver driver{context};
};

bool random_looking(const std::string& text) {
    // 16 equal bytes come by chance once in 2^120.
    return std::ranges::any_of(text, [&](char letter) { return letter != text.front(); });
}

}  // namespace

TEST_CASE("virtio 1.2, 5.4: device 4 with one queue and no configuration") {
    Bench bench;
    CHECK(bench.driver.read(0x008) == 4);
    CHECK((bench.driver.offered() & 0xffffff) == 0);
    bench.driver.write(MmioDriver::kQueueSel, 0);
    CHECK(bench.driver.read(MmioDriver::kQueueNumMax) == 8);
    bench.driver.write(MmioDriver::kQueueSel, 1);
    CHECK(bench.driver.read(MmioDriver::kQueueNumMax) == 0);
    CHECK(bench.driver.read(MmioDriver::kConfig) == 0);
}

TEST_CASE("virtio 1.2, 5.4.6: a buffer comes back with random bytes, by every kind of ring") {
    for (const std::uint64_t ring : {std::uint64_t{0}, virtio_feature::kRingPacked}) {
        for (const std::uint64_t more : {std::uint64_t{0}, virtio_feature::kEventIdx | virtio_feature::kIndirectDesc}) {
            Bench bench;
            bench.driver.start(ring | more);
            for (unsigned i = 0; i < 20; ++i) {
                const Buffer one = bench.driver.heap.writable(16);
                const Buffer two = bench.driver.heap.writable(48);
                bench.driver.send(0, {one, two}, more != 0 && i % 2 != 0 ? Layout::Indirect : Layout::Direct);
                CHECK(bench.driver.wait_used(0).written == 64);
                CHECK(random_looking(bench.driver.heap.text(one)));
                CHECK(random_looking(bench.driver.heap.text(two)));
            }
        }
    }
}

TEST_CASE("ring split: packed rings are not offered") {
    for (const char* layout : {"split", "packed"}) {
        FakeContext context;
        FakeSpec spec{kVirtioEntropy.syntax};
        spec.with("ring", std::string{layout});
        const auto vdev = kVirtioEntropy.make(spec.get(), context);
        const MmioDriver driver{context};
        const bool offers = (driver.offered() & virtio_feature::kRingPacked) != 0;
        CHECK(offers == (std::string_view{layout} == "packed"));
        CHECK((driver.offered() & virtio_feature::kIndirectDesc) != 0);
    }
}

TEST_CASE("no byte is written behind what the device says it wrote") {
    Bench bench{1600};  // bursts of 100
    bench.driver.start(0);
    const Buffer room = bench.driver.heap.writable(1000);
    bench.driver.send(0, {room});
    CHECK(bench.driver.wait_used(0).written == 100);
    const std::string text = bench.driver.heap.text(room);
    CHECK(random_looking(text.substr(0, 100)));
    CHECK(std::ranges::all_of(text.substr(100), [](char letter) { return letter == 0; }));
}

TEST_CASE("the guest gets no more per second than the rate, and what it asked for when there is some again") {
    Bench bench{1600};
    bench.driver.start(virtio_feature::kEventIdx);
    const Buffer room = bench.driver.heap.writable(64);
    bench.driver.send(0, {room});
    bench.driver.send(0, {room});
    bench.driver.send(0, {room});
    CHECK(bench.driver.wait_used(0).written == 64);
    CHECK(bench.driver.wait_used(0).written == 36);  // the burst is used up, and the clock stands still
    for (int i = 0; i < 100; ++i) bench.driver.write(MmioDriver::kQueueNotify, 0);
    run_on_loop(bench.context.loop(), [] {});
    CHECK_FALSE(bench.driver.queue(0).collect());
    bench.context.fake_clock.advance(10ms);
    CHECK(bench.driver.wait_used(0).written == 16);
}

TEST_CASE("a large request is answered in part, so that other devices have their turn") {
    Bench bench{TokenBucket::kMostRate};
    bench.driver.start(0);
    const Buffer room = bench.driver.heap.writable(2 * kMiB);
    bench.driver.send(0, {room});
    CHECK(bench.driver.wait_used(0).written == 64 * kKiB);
    bench.driver.send(0, {room});
    bench.driver.send(0, {room});
    CHECK(bench.driver.wait_used(0).written == 64 * kKiB);
    CHECK(bench.driver.wait_used(0).written == 64 * kKiB);
}

TEST_CASE("virtio 1.2, 5.4.6.1: a request without room comes back empty") {
    Bench bench;
    bench.driver.start(0);
    bench.driver.send(0, {bench.driver.heap.readable("what the driver must not send")});
    CHECK(bench.driver.wait_used(0).written == 0);
    bench.driver.send(0, {bench.driver.heap.readable("seed"), bench.driver.heap.writable(8)});
    CHECK(bench.driver.wait_used(0).written == 8);
}

TEST_CASE("a queue that the driver breaks makes the entropy device need a reset, which helps") {
    Bench bench;
    bench.driver.start(0);
    bench.driver.send(0, {{Gpa{MmioDriver::kMemory}, 16, true}});
    REQUIRE(bench.context.line.wait_high());
    CHECK((bench.driver.read(MmioDriver::kStatus) & 64) != 0);
    bench.driver.start(0);
    bench.driver.send(0, {bench.driver.heap.writable(8)});
    CHECK(bench.driver.wait_used(0).written == 8);
}

TEST_CASE("an entropy device whose queue was left out does nothing") {
    Bench bench;
    bench.driver.start(0);
    bench.driver.write(MmioDriver::kStatus, 0);
    bench.driver.write(MmioDriver::kStatus, 3);
    bench.driver.write(MmioDriver::kDriverFeaturesSel, 1);
    bench.driver.write(MmioDriver::kDriverFeatures, 1);
    bench.driver.write(MmioDriver::kStatus, 0xb);
    bench.driver.write(MmioDriver::kStatus, 0xf);
    bench.driver.write(MmioDriver::kQueueNotify, 0);
    bench.driver.reset();
    CHECK(bench.driver.read(MmioDriver::kStatus) == 0);
}

TEST_CASE("a vdev that is destroyed while it waits for credit leaves nothing behind") {
    Bench bench{1};
    bench.driver.start(0);
    bench.driver.send(0, {bench.driver.heap.writable(8)});
    CHECK(bench.driver.wait_used(0).written == 1);
    bench.driver.send(0, {bench.driver.heap.writable(8)});
    bench.vdev.reset();
}

TEST_CASE("rate: at least 1 and at most 1G") {
    CHECK_THROWS_WITH((FakeContext{}, Bench{TokenBucket::kMostRate + 1}), "the rate is above 1G");
    FakeContext context;
    FakeSpec spec{kVirtioEntropy.syntax};
    spec.with("rate", std::uint64_t{0});
    CHECK_THROWS_WITH(kVirtioEntropy.make(spec.get(), context), "a rate of 0 gives the guest nothing");
}

}  // namespace qvm
