// SPDX-License-Identifier: Apache-2.0
// A disk and a host that fails, or is late.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "devices/char_host.hpp"
#include "devices/virtio/blk_bench.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

/// While it exists, nobody writes to a file behind that place: EFBIG, after a short write up to there.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, SIG_DFL);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    rlimit before_{};
};

BlkOptions late(const TempDir& folder, Delay patience) {
    BlkOptions out;
    out.file.path = folder.path("late.img");
    out.delayed = patience;
    return out;
}

}  // namespace

TEST_CASE("a write that the host refuses is an I/O error; what was written before stays") {
    BlkBench bench;
    bench.start();
    CHECK(bench.write(100, sectors_text(100, 8, 'k')).status == BlkStatus::Ok);
    {
        const FileSizeLimit limit{1024 * kSectorSize};
        CHECK(bench.write(1024, sector_text(1024, 'X')).status == BlkStatus::IoError);
        CHECK(bench.write(1000, sector_text(1000, 'k')).status == BlkStatus::Ok);
        CHECK(bench.flush().status == BlkStatus::Ok);
    }
    CHECK(bench.write(1024, sector_text(1024, 'k')).status == BlkStatus::Ok);
    CHECK(bench.on_host(100, 8) == sectors_text(100, 8, 'k'));
    CHECK(bench.on_host(1000, 1) == sector_text(1000, 'k'));
    CHECK(bench.on_host(1024, 1) == sector_text(1024, 'k'));
}

TEST_CASE("a short write goes on where it stopped, until the host has an error") {
    BlkBench bench;
    bench.start();
    const FileSizeLimit limit{1020 * kSectorSize + 100};
    CHECK(bench.write(1016, sectors_text(1016, 8, 'p')).status == BlkStatus::IoError);
    CHECK(bench.on_host(1016, 4) == sectors_text(1016, 4, 'p'));
    CHECK(bench.on_host(1021, 1) == sector_text(1021));
}

TEST_CASE("a file that became shorter is an I/O error behind its end, and well before it") {
    BlkBench bench;
    bench.start();
    std::filesystem::resize_file(bench.path, 100 * kSectorSize + 10);
    CHECK(bench.read(99, 1).data == sector_text(99));
    CHECK(bench.read(98, 8).status == BlkStatus::IoError);
    CHECK(bench.read(200, 1).status == BlkStatus::IoError);
}

TEST_CASE("a flush that fails is an I/O error") {
    BlkOptions options;
    options.file.path = "/proc/self/comm";  // a file that has no fsync
    BlkBench bench{BlkBench::NoImage{}, options};
    bench.start();
    CHECK(bench.flush().status == BlkStatus::IoError);
}

TEST_CASE("after a failed flush no later one promises anything") {
    const TempDir folder;
    FakeContext context;
    context.ram.add(Range::make(0, kMiB).value(), GuestMemory::Kind::Ram);
    GuestHeap heap{context.ram, Gpa{0x1000}, kMiB - 0x1000};
    BlkDisk disk{context.log(), "disk under test", "", {}};
    disk.insert(std::make_unique<BlockFile>(BlockFileOptions{.path = folder.write("disk", sectors_text(0, 8))}));
    BlkQueue queue{context.ram, context.loop(), disk};
    FakeTransport transport;
    const std::uint64_t features = virtio_feature::kVersion1 | blk_feature::kFlush;
    DrivenQueue driven{heap, 16, features, true};
    run_on_loop(context.loop(), [&] { queue.start(transport, driven.end(), features); });
    const Buffer head = heap.readable_value(BlkBench::header(BlkType::Flush));
    const Buffer status = heap.writable(1);
    for (const bool lost : {false, true}) {
        if (lost) disk.set_lost_writes();
        driven.send({head, status});
        (void)driven.wait_used();
        CHECK((heap.value<BlkStatus>(status) == BlkStatus::Ok) != lost);
    }
    run_on_loop(context.loop(), [&] { queue.stop([] {}); });
}

TEST_CASE("the log names the file, the sector and the reason of a failure, the 1st, 2nd, 4th... time") {
    const Messages messages;
    std::string said;
    {
        Log log{"test", {}};
        BlkDisk disk{log, "virtio-blk 'root': /vm/root.img", "", {}};
        for (std::uint64_t i = 1; i <= 7; ++i) disk.report({"write", 1000 + i, 8, ENOSPC});
    }
    CHECK(messages.line().find("virtio-blk 'root': /vm/root.img: write of 8 sectors at 1001 failed: No space left") !=
          std::string::npos);
    CHECK(messages.line().find("at 1002 failed (failure 2): No space left") != std::string::npos);
    CHECK(messages.line().find("at 1004 failed (failure 4): No space left") != std::string::npos);
    CHECK(messages.rest().empty());
}

TEST_CASE("delayed: a disk that is not there yet is empty, and has its size once it can be opened") {
    const TempDir folder;
    BlkBench bench{BlkBench::NoImage{}, late(folder, {})};
    CHECK(bench.driver.config<std::uint64_t>(offsetof(BlkConfig, capacity)) == 0);
    bench.start();
    CHECK(bench.read(0, 1).status == BlkStatus::IoError);
    CHECK(bench.flush().status == BlkStatus::Ok);
    std::filesystem::rename(folder.write("made", sectors_text(0, 64)), folder.path("late.img"));
    REQUIRE(bench.driver.transport.wait_config_change(0));
    CHECK(bench.driver.config<std::uint64_t>(offsetof(BlkConfig, capacity)) == 64);
    CHECK(bench.read(63, 1).data == sector_text(63));
}

TEST_CASE("delayed: without patience it is tried once, when the guest uses the disk") {
    const TempDir folder;
    BlkBench bench{BlkBench::NoImage{}, late(folder, {.seconds = 0})};
    bench.start();
    std::filesystem::rename(folder.write("made", sectors_text(0, 64)), folder.path("late.img"));
    run_on_loop(bench.context.loop(), [] {});
    CHECK(bench.driver.config<std::uint64_t>(offsetof(BlkConfig, capacity)) == 0);
    CHECK(bench.driver.transport.config_changes() == 0);
}
