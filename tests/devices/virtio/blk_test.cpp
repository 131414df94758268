// SPDX-License-Identifier: Apache-2.0
// A disk and drivers that keep the rules.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "devices/virtio/blk_bench.hpp"
#include "support/allocations.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

BlkOptions read_only() {
    BlkOptions out;
    out.file.read_only = true;
    return out;
}

std::uint64_t blocks_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) : 0;
}

/// How many io_urings of this process have the file registered. The kernel leaves out those that are busy just now.
std::size_t rings_that_hold(const std::string& file) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fdinfo"}) {
        std::ifstream stream{entry.path()};
        const std::string text{std::istreambuf_iterator<char>{stream}, {}};
        if (text.find("UserFiles:") != std::string::npos && text.find(file + "\n") != std::string::npos) ++count;
    }
    return count;
}

bool rings_come_to_hold(const std::string& file, std::size_t count) {
    constexpr std::chrono::seconds kLimit{10};
    const auto limit = std::chrono::steady_clock::now() + kLimit;
    while (rings_that_hold(file) != count) {
        if (std::chrono::steady_clock::now() > limit) return false;
        std::this_thread::yield();
    }
    return true;
}

const std::string kZeroes(kSectorSize, '\0');

}  // namespace

TEST_CASE("virtio 1.2, 5.2.4: the configuration says capacity, block sizes and limits") {
    BlkBench bench;
    CHECK(bench.device.type() == 2);
    CHECK(bench.driver.config<std::uint64_t>(offsetof(BlkConfig, capacity)) == kImageSectors);
    CHECK(bench.driver.config<std::uint32_t>(offsetof(BlkConfig, blk_size)) == 512);
    CHECK(bench.driver.config<std::uint8_t>(offsetof(BlkConfig, physical_block_exp)) == 3);
    CHECK(bench.driver.config<std::uint16_t>(offsetof(BlkConfig, min_io_size)) == 8);
    CHECK(bench.driver.config<std::uint32_t>(offsetof(BlkConfig, seg_max)) == 254);
    CHECK(bench.driver.config<std::uint8_t>(offsetof(BlkConfig, writeback)) == 1);
    CHECK(bench.driver.config<std::uint32_t>(offsetof(BlkConfig, max_discard_seg)) == 32);
    CHECK(bench.device.features() ==
          (blk_feature::kSegMax | blk_feature::kBlkSize | blk_feature::kTopology | blk_feature::kFlush |
           blk_feature::kConfigWce | blk_feature::kDiscard | blk_feature::kWriteZeroes));
}

TEST_CASE("virtio 1.2, 5.2.6.2: a disk that is read only says so, reads, and refuses what writes, whoever asks") {
    const bool driver_knows = GENERATE(true, false);
    BlkBench bench{read_only()};
    if (!driver_knows) bench.driver.own_features = 0;
    CHECK(bench.device.features() ==
          (blk_feature::kSegMax | blk_feature::kBlkSize | blk_feature::kTopology | blk_feature::kReadOnly));
    bench.start();
    CHECK(bench.read(7, 1).data == sector_text(7));
    CHECK(bench.write(7, sector_text(7, 'b')).status == BlkStatus::IoError);
    CHECK(bench.clear(BlkType::Discard, {{0, 8, 0}}).status == BlkStatus::IoError);
    CHECK(bench.clear(BlkType::WriteZeroes, {{0, 8, 0}}).status == BlkStatus::IoError);
    CHECK(bench.flush().status == BlkStatus::Ok);
    CHECK(bench.on_host(0, kImageSectors) == sectors_text(0, kImageSectors));
}

TEST_CASE("what was written is read back, on every kind of ring and of chain") {
    const auto ring = GENERATE(std::uint64_t{0}, virtio_feature::kRingPacked);
    const auto more = GENERATE(std::uint64_t{0}, virtio_feature::kEventIdx | virtio_feature::kIndirectDesc);
    BlkBench bench;
    bench.driver.ring_features |= ring | more;
    bench.start();
    for (std::uint64_t i = 0; i < 100; ++i) {
        const std::uint64_t sector = i * 19 % (kImageSectors - 8);
        const std::string text = sectors_text(sector, 8, 'w');
        CHECK(bench.write(sector, text).status == BlkStatus::Ok);
        const BlkAnswer answer = bench.read(sector, 8);
        CHECK(answer.status == BlkStatus::Ok);
        CHECK(answer.written == 8 * kSectorSize + 1);
        CHECK(answer.data == text);
    }
    CHECK(bench.on_host(19, 8) == sectors_text(19, 8, 'w'));
}

TEST_CASE("virtio 1.2, 2.7.4: header, data and status may be cut into buffers in any way") {
    BlkBench bench;
    bench.start();
    auto& heap = bench.driver.heap;
    const BlkHeader out = BlkBench::header(BlkType::Out, 3);
    std::string bytes{reinterpret_cast<const char*>(&out), sizeof out};
    bytes += sectors_text(3, 2, 'x');
    const std::string_view all{bytes};
    const auto written = bench.send({heap.readable(all.substr(0, 5)), heap.readable(all.substr(5, 300)),
                                     heap.readable(all.substr(305, 600)), heap.readable(all.substr(905))},
                                    {});
    CHECK(written.status == BlkStatus::Ok);
    CHECK(bench.on_host(3, 2) == sectors_text(3, 2, 'x'));

    // The status is the last byte of a buffer that begins with data.
    const Buffer first = heap.writable(700);
    const Buffer last = heap.writable(325);
    bench.driver.queue(0).send({heap.readable_value(BlkBench::header(BlkType::In, 3)), first, last});
    CHECK(bench.driver.queue(0).wait_used().written == 1025);
    CHECK(heap.text(first) + heap.text(last) == sectors_text(3, 2, 'x') + '\0');
}

TEST_CASE("as many buffers as the configuration allows are one request") {
    constexpr std::uint32_t kPieces = 254;  // seg_max
    BlkBench bench;
    bench.driver.ring_features |= virtio_feature::kIndirectDesc;
    bench.start();
    std::vector<Buffer> pieces;
    for (std::uint32_t i = 0; i < kPieces; ++i) pieces.push_back(bench.driver.heap.writable(kSectorSize));
    const Buffer head = bench.driver.heap.readable_value(BlkBench::header(BlkType::In, 5));
    const BlkAnswer answer = bench.send({head}, pieces, 0, Layout::Indirect);
    CHECK(answer.status == BlkStatus::Ok);
    CHECK((answer.data == sectors_text(5, kPieces)));
}

TEST_CASE("a request of no bytes is answered at once") {
    BlkBench bench;
    bench.start();
    CHECK(bench.read(kImageSectors, 0).status == BlkStatus::Ok);
    CHECK(bench.write(0, "").status == BlkStatus::Ok);
}

TEST_CASE("many requests at once are all served, in the order of the host's answers") {
    BlkBench bench;
    bench.start();
    std::vector<std::pair<Buffer, Buffer>> parts;
    for (std::uint64_t i = 0; i < 64; ++i) {
        const Buffer data = bench.driver.heap.writable(kSectorSize);
        const Buffer status = bench.driver.heap.writable(1);
        parts.emplace_back(data, status);
        bench.driver.queue(0).driver().add(
            {bench.driver.heap.readable_value(BlkBench::header(BlkType::In, i)), data, status});
    }
    bench.driver.queue(0).kick();
    for (std::size_t i = 0; i < parts.size(); ++i) (void)bench.driver.queue(0).wait_used();
    for (std::uint64_t i = 0; i < parts.size(); ++i) CHECK(bench.driver.heap.text(parts[i].first) == sector_text(i));
}

TEST_CASE("GET_ID gives the serial number, as much as there is room for") {
    BlkOptions options;
    options.serial = "0123456789abcdefghij";
    BlkBench bench{options};
    bench.start();
    const BlkAnswer whole = bench.request(BlkBench::header(BlkType::GetId), {}, 20);
    CHECK(whole.status == BlkStatus::Ok);
    CHECK(whole.data == options.serial);
    CHECK(whole.written == 21);
    const BlkAnswer more = bench.request(BlkBench::header(BlkType::GetId), {}, 30);
    CHECK(more.data == options.serial + std::string(10, '\0'));
    CHECK(more.written == 20);
    CHECK(bench.request(BlkBench::header(BlkType::GetId), {}, 4).data == "0123");
}

TEST_CASE("virtio 1.2, 5.2.6: DISCARD gives the host its blocks back, and reads as zeroes from a file") {
    BlkBench bench;
    bench.start();
    const std::uint64_t before = blocks_of(bench.path);
    CHECK(bench.clear(BlkType::Discard, {{64, 512, 0}, {1024, 256, 0}}).status == BlkStatus::Ok);
    CHECK(blocks_of(bench.path) <= before - 512);
    CHECK(bench.read(64, 1).data == kZeroes);
    CHECK(bench.read(1279, 1).data == kZeroes);
    CHECK(bench.read(63, 1).data == sector_text(63));
    CHECK(bench.read(1280, 1).data == sector_text(1280));
}

TEST_CASE("WRITE_ZEROES zeroes what it names, unmapping or not") {
    const auto flags = GENERATE(0U, BlkRange::kUnmap);
    BlkBench bench;
    bench.start();
    CHECK(bench.clear(BlkType::WriteZeroes, {{9, 3, flags}, {100, 1000, flags}}).status == BlkStatus::Ok);
    CHECK(bench.read(8, 1).data == sector_text(8));
    for (const std::uint64_t sector : {9U, 11U, 100U, 1099U}) CHECK(bench.read(sector, 1).data == kZeroes);
    CHECK(bench.read(12, 1).data == sector_text(12));
    CHECK(bench.read(1100, 1).data == sector_text(1100));
}

TEST_CASE("with `discard disable` nothing is freed: neither feature nor unmapping is offered") {
    BlkOptions options;
    options.discards = false;
    BlkBench bench{options};
    CHECK((bench.device.features() & blk_feature::kDiscard) == 0);
    CHECK(bench.driver.config<std::uint8_t>(offsetof(BlkConfig, write_zeroes_may_unmap)) == 0);
    bench.start();
    CHECK(bench.clear(BlkType::Discard, {{0, 8, 0}}).status == BlkStatus::Unsupported);
    const std::uint64_t before = blocks_of(bench.path);
    CHECK(bench.clear(BlkType::WriteZeroes, {{64, 512, BlkRange::kUnmap}}).status == BlkStatus::Ok);
    CHECK(blocks_of(bench.path) >= before);
    CHECK(bench.read(64, 1).data == kZeroes);
}

TEST_CASE("direct I/O and buffers of any alignment give the same data") {
    BlkOptions options;
    options.file.direct = true;
    BlkBench bench{options};
    bench.start();
    auto& heap = bench.driver.heap;
    for (const std::uint64_t alignment : {4096U, 512U, 16U}) {
        for (const std::uint32_t shift : {0U, 4U}) {
            const Buffer data{Gpa{raw(heap.take(8192, alignment)) + shift}, 4096, true};
            const BlkAnswer answer = bench.send({heap.readable_value(BlkBench::header(BlkType::In, 9))}, {data});
            CHECK(answer.status == BlkStatus::Ok);
            CHECK(answer.data == sectors_text(9, 8));
        }
    }
    CHECK(bench.write(8, sectors_text(8, 8, 'd')).status == BlkStatus::Ok);
    CHECK(bench.flush().status == BlkStatus::Ok);
    CHECK(bench.on_host(8, 8) == sectors_text(8, 8, 'd'));
}

TEST_CASE("virtio 1.2, 5.2.5: the driver may choose the cache, and a reset forgets that") {
    BlkBench bench;
    bench.driver.set_config<std::uint8_t>(offsetof(BlkConfig, writeback), 0);
    bench.start();
    CHECK(bench.driver.config<std::uint8_t>(offsetof(BlkConfig, writeback)) == 0);
    CHECK(bench.write(1, sector_text(1, 't')).status == BlkStatus::Ok);
    CHECK(bench.clear(BlkType::WriteZeroes, {{9, 3, 0}}).status == BlkStatus::Ok);
    bench.driver.set_config<std::uint8_t>(offsetof(BlkConfig, writeback), 1);
    CHECK(bench.driver.config<std::uint8_t>(offsetof(BlkConfig, writeback)) == 1);
    bench.driver.set_config<std::uint8_t>(offsetof(BlkConfig, writeback), 0);
    bench.driver.set_config<std::uint64_t>(offsetof(BlkConfig, capacity), 1);  // not the driver's to change
    CHECK(bench.driver.config<std::uint64_t>(offsetof(BlkConfig, capacity)) == kImageSectors);
    bench.driver.stop();
    CHECK(bench.driver.config<std::uint8_t>(offsetof(BlkConfig, writeback)) == 1);
}

TEST_CASE("several queues, each with a thread of its own, serve the same disk") {
    BlkOptions options;
    options.threads = 4;
    BlkBench bench{options};
    CHECK((bench.device.features() & blk_feature::kMq) != 0);
    CHECK(bench.driver.config<std::uint16_t>(offsetof(BlkConfig, num_queues)) == 4);
    bench.driver.left_out = {2};
    for (int round = 0; round < 3; ++round) {
        bench.start();
        for (const unsigned queue : {0U, 1U, 3U}) {
            CHECK(bench.write(100 + queue, sector_text(queue, 'q'), queue).status == BlkStatus::Ok);
            CHECK(bench.read(100 + queue, 1, queue).data == sector_text(queue, 'q'));
        }
        CHECK(rings_come_to_hold("disk.img", 3));
        bench.driver.stop();
        CHECK(rings_come_to_hold("disk.img", 0));
    }
}

TEST_CASE("a reset with requests in flight lets go of guest memory only when they are back") {
    BlkBench bench;
    for (int round = 0; round < 50; ++round) {
        bench.driver.heap.clear();
        bench.start();
        for (std::uint64_t i = 0; i < 60; ++i) {
            const Buffer head =
                bench.driver.heap.readable_value(BlkBench::header(i % 2 == 0 ? BlkType::Out : BlkType::In, i * 8));
            const Buffer data{bench.driver.heap.take(4096), 4096, i % 2 != 0};
            bench.driver.queue(0).send({head, data, bench.driver.heap.writable(1)});
        }
        bench.driver.stop();
    }
    bench.driver.heap.clear();
    bench.start();
    CHECK(bench.read(kImageSectors - 1, 1).data == sector_text(kImageSectors - 1));
}

TEST_CASE("a request in steady state allocates nothing") {
    BlkBench bench;
    bench.driver.ring_features |= virtio_feature::kEventIdx;
    bench.start();
    auto& heap = bench.driver.heap;
    const Buffer status = heap.writable(1);
    const Buffer data = heap.writable(4096);
    const std::vector<Buffer> reads{heap.readable_value(BlkBench::header(BlkType::In, 8)), data, status};
    const Buffer out{data.at, data.size, false};
    const std::vector<Buffer> writes{heap.readable_value(BlkBench::header(BlkType::Out, 16)), out, status};
    const std::vector<Buffer> flushes{heap.readable_value(BlkBench::header(BlkType::Flush)), status};
    // On the loop's thread alone: the test's own drivers allocate.
    const auto loop_allocations = [&] {
        std::uint64_t count = 0;
        run_on_loop(bench.context.loop(), [&] { count = allocations_of_this_thread(); });
        return count;
    };
    const auto work = [&] {
        for (int i = 0; i < 100; ++i) {
            for (const auto* chain : {&reads, &writes, &flushes}) {
                bench.driver.queue(0).send(*chain);
                (void)bench.driver.queue(0).wait_used();
                CHECK(heap.value<BlkStatus>(status) == BlkStatus::Ok);
            }
        }
    };
    work();
    const std::uint64_t asking = [&] {
        const auto before = loop_allocations();
        return loop_allocations() - before;
    }();
    const auto before = loop_allocations();
    work();
    CHECK(loop_allocations() - before <= asking);
}
