// SPDX-License-Identifier: Apache-2.0
// A disk and drivers that break the rules: an error for the request at hand, and nothing else.
#include <catch2/catch.hpp>

#include "devices/virtio/blk_bench.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

constexpr std::uint32_t kSector = kSectorSize;

/// Still works as if nothing had happened.
void check_alive(BlkBench& bench) {
    CHECK(bench.read(7, 1).data == sector_text(7));
    CHECK(bench.driver.transport.reset_reasons().empty());
    CHECK(bench.on_host(0, kImageSectors) == sectors_text(0, kImageSectors));
}

}  // namespace

TEST_CASE("virtio 1.2, 5.2.6.2: what reaches beyond the capacity is an I/O error and moves nothing") {
    BlkBench bench;
    bench.start();
    for (const std::uint64_t sector : {kImageSectors - 1, kImageSectors, kImageSectors + 1, UINT64_MAX / 512,
                                       UINT64_MAX / 512 + 1, UINT64_MAX - 1, UINT64_MAX}) {
        const BlkAnswer answer = bench.read(sector, 2);
        CHECK(answer.status == BlkStatus::IoError);
        CHECK(answer.data == std::string(2 * kSectorSize, '\0'));
        CHECK(answer.written == 0);
        CHECK(bench.write(sector, sectors_text(0, 2, 'X')).status == BlkStatus::IoError);
        CHECK(bench.clear(BlkType::Discard, {{sector, 2, 0}}).status == BlkStatus::IoError);
        CHECK(bench.clear(BlkType::WriteZeroes, {{sector, 2, 0}}).status == BlkStatus::IoError);
    }
    check_alive(bench);
}

TEST_CASE("lengths that are no whole sectors are I/O errors") {
    BlkBench bench;
    bench.start();
    for (const std::uint32_t size : {1U, 511U, 513U, 1023U}) {
        CHECK(bench.request(BlkBench::header(BlkType::In, 0), {}, size).status == BlkStatus::IoError);
        CHECK(bench.write(0, std::string(size, 'X')).status == BlkStatus::IoError);
    }
    check_alive(bench);
}

TEST_CASE("unknown types are not supported") {
    BlkBench bench;
    bench.start();
    for (const std::uint32_t type : {2U, 3U, 5U, 9U, 10U, 12U, 14U, 0x80000000U, UINT32_MAX})
        CHECK(bench.request({type, 0, 0}, sector_text(0, 'X'), kSector).status == BlkStatus::Unsupported);
    check_alive(bench);
}

TEST_CASE("a header that is too short, or missing, is an I/O error") {
    BlkBench bench;
    bench.start();
    const BlkHeader head = BlkBench::header(BlkType::Out, 0);
    const std::string_view bytes{reinterpret_cast<const char*>(&head), sizeof head};
    for (const std::size_t size : {1U, 8U, 15U})
        CHECK(bench.send({bench.driver.heap.readable(bytes.substr(0, size))}, {}).status == BlkStatus::IoError);
    CHECK(bench.send({}, {bench.driver.heap.writable(kSector)}).status == BlkStatus::IoError);
    check_alive(bench);
}

TEST_CASE("a request without room for a status comes back without one") {
    BlkBench bench;
    bench.start();
    const Buffer head = bench.driver.heap.readable_value(BlkBench::header(BlkType::Out, 0));
    bench.driver.queue(0).send({head, bench.driver.heap.readable(sector_text(0, 'X'))});
    CHECK(bench.driver.queue(0).wait_used().written == 0);
    check_alive(bench);
}

TEST_CASE("data in the wrong direction is not touched") {
    BlkBench bench;
    bench.start();
    // A read with readable data and a write with room for data: of no whole length, both.
    CHECK(bench.request(BlkBench::header(BlkType::In, 0), sector_text(0, 'X'), 0).status == BlkStatus::Ok);
    const BlkAnswer answer = bench.request(BlkBench::header(BlkType::Out, 0), {}, kSector);
    CHECK(answer.status == BlkStatus::Ok);
    CHECK(answer.data == std::string(kSectorSize, '\0'));
    check_alive(bench);
}

TEST_CASE("virtio 1.2, 5.2.6.2: ranges with unknown flags are not supported, odd ones I/O errors") {
    BlkBench bench;
    bench.start();
    CHECK(bench.clear(BlkType::Discard, {{0, 8, BlkRange::kUnmap}}).status == BlkStatus::Unsupported);
    CHECK(bench.clear(BlkType::Discard, {{0, 8, 2}}).status == BlkStatus::Unsupported);
    CHECK(bench.clear(BlkType::WriteZeroes, {{0, 8, 2}}).status == BlkStatus::Unsupported);
    CHECK(bench.clear(BlkType::Discard, {{0, BlkDisk::kRangeSectors + 1, 0}}).status == BlkStatus::IoError);
    CHECK(bench.clear(BlkType::Discard, {}).status == BlkStatus::IoError);
    CHECK(bench.clear(BlkType::Discard, std::vector<BlkRange>(BlkDisk::kRanges + 1)).status == BlkStatus::IoError);
    CHECK(bench.request(BlkBench::header(BlkType::Discard), std::string(17, '\0'), 0).status == BlkStatus::IoError);
    CHECK(bench.clear(BlkType::Discard, std::vector<BlkRange>(BlkDisk::kRanges)).status == BlkStatus::Ok);
    check_alive(bench);
}

TEST_CASE("what the driver did not negotiate is not supported") {
    BlkBench bench;
    bench.driver.own_features = 0;
    bench.start();
    CHECK(bench.clear(BlkType::Discard, {{0, 8, 0}}).status == BlkStatus::Unsupported);
    CHECK(bench.clear(BlkType::WriteZeroes, {{0, 8, 0}}).status == BlkStatus::Unsupported);
    CHECK(bench.write(0, sector_text(0)).status == BlkStatus::Ok);  // written through
    check_alive(bench);
}

TEST_CASE("a driver that breaks the ring itself gets DEVICE_NEEDS_RESET, once, and after a reset all is well") {
    BlkBench bench;
    bench.driver.ring_features = virtio_feature::kVersion1;
    bench.start();
    auto& split = dynamic_cast<SplitDriver&>(bench.driver.queue(0).driver());
    split.offer(0xffff);
    split.publish();
    bench.driver.queue(0).kick();
    CHECK(!bench.driver.transport.wait_needs_reset().empty());
    bench.driver.queue(0).kick();
    run_on_loop(bench.context.loop(), [] {});
    CHECK(bench.driver.transport.reset_reasons().size() == 1);
    bench.driver.stop();
    bench.start();
    CHECK(bench.read(7, 1).data == sector_text(7));
}
