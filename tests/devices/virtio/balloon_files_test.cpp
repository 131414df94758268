// SPDX-License-Identifier: Apache-2.0
// A balloon as it is seen and set from outside.
#include <catch2/catch.hpp>

#include "devices/virtio/balloon_bench.hpp"

namespace qvm {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr unsigned kStats = 2;

struct SeenBalloon : BalloonBench {
    explicit SeenBalloon(const BalloonSettings& settings = {.name = "balloon", .size = kMiB}) : BalloonBench{settings} {
        balloon->appear();
    }
    WatchedFile state{path, "balloon"};
};

[[nodiscard]] Buffer statistics(GuestHeap& heap, const std::vector<BalloonStat>& stats) {
    return heap.readable(std::as_bytes(std::span{stats}));
}

}  // namespace

TEST_CASE("the files of a balloon say how large it is to be and how large it is") {
    SeenBalloon bench;
    CHECK(read_file(bench.path + "/balloon.size") == "1048576\n");
    CHECK(read_file(bench.path + "/balloon") == "{\"format\":1,\"size\":1048576,\"actual\":0,\"statistics\":null}\n");
    bench.driver->start();
    bench.driver->set_config(4, std::uint32_t{3});
    CHECK(bench.state.wait_for("\"actual\":12288") ==
          "{\"format\":1,\"size\":1048576,\"actual\":12288,\"statistics\":null}\n");
    bench.driver->stop();
    (void)bench.state.wait_for("\"actual\":0,");
}

TEST_CASE("a size that is written to the file is what the driver finds") {
    SeenBalloon bench;
    bench.driver->start();
    bench.directory.write("balloon.size", "2M\n");
    CHECK(bench.driver->transport.wait_config_change(0));
    CHECK(bench.driver->config<std::uint32_t>(0) == 512);
    (void)bench.state.wait_for("\"size\":2097152");

    // As editors do it.
    std::filesystem::rename(bench.directory.write("other", "  4096"), bench.path + "/balloon.size");
    CHECK(bench.driver->transport.wait_config_change(1));
    CHECK(bench.driver->config<std::uint32_t>(0) == 1);

    bench.directory.write("balloon.size", "4K");  // what it is already, for a guest that has taken it back
    CHECK(bench.driver->transport.wait_config_change(2));
}

TEST_CASE("what is no size, or more than there is, changes nothing") {
    SeenBalloon bench;
    bench.driver->start();
    for (const char* text : {"", "\n", "a lot", "-1", "2M 3M", "21M", "1T", "18446744073709551616"})
        bench.directory.write("balloon.size", text);
    bench.directory.write("something.else", "2M");
    bench.directory.write("balloon.size", std::string(1000, '1'));
    std::filesystem::remove(bench.path + "/balloon.size");
    std::filesystem::create_symlink("/dev/zero", bench.path + "/balloon.size");
    bench.directory.write("another", "0");
    std::filesystem::rename(bench.path + "/another", bench.path + "/balloon.size");
    CHECK(bench.driver->transport.wait_config_change(0));
    CHECK(bench.driver->transport.config_changes() == 1);
    CHECK(bench.driver->config<std::uint32_t>(0) == 0);
}

TEST_CASE("virtio 1.2, 5.5.6.3: the driver's first statistics are shown, and its buffer is kept") {
    SeenBalloon bench;
    bench.driver->start();
    bench.driver->queue(kStats).send(
        {statistics(bench.driver->heap, {{4, 1000}, {5, 2000}, {5, 3000}, {9, 5}, {10, 6}, {0xffff, 7}})});
    const std::string shown = bench.state.wait_for("free_memory");
    CHECK(shown.find("\"statistics\":{\"free_memory\":1000,\"total_memory\":3000,\"hugetlb_failures\":5}}") !=
          std::string::npos);
    CHECK_FALSE(bench.driver->queue(kStats).driver().collect());
    CHECK(bench.balloon->counters().bad_statistics.total() == 0);
}

TEST_CASE("the guest is asked again every so many seconds") {
    SeenBalloon bench{{.name = "balloon", .statistics = 1s}};
    bench.driver->start();
    bench.driver->queue(kStats).send({statistics(bench.driver->heap, {{4, 1}})});
    CHECK(bench.driver->queue(kStats).wait_used().written == 0);
    bench.driver->queue(kStats).send({statistics(bench.driver->heap, {{4, 2}})});
    CHECK(bench.driver->queue(kStats).wait_used().written == 0);
    (void)bench.state.wait_for("\"free_memory\":2");
}

TEST_CASE("statistics that are none are counted, and so is a second buffer") {
    SeenBalloon bench;
    bench.driver->start();
    DrivenQueue& queue = bench.driver->queue(kStats);
    const auto first = queue.send({bench.driver->heap.readable("123456789")});
    const auto second = queue.send({bench.driver->heap.readable(std::string(6400, '\0'))});
    CHECK(queue.wait_used().id == second);
    CHECK(first != second);
    bench.settle();
    CHECK(bench.balloon->counters().bad_statistics.total() == 2);
}

TEST_CASE("a VM without a runtime directory has a balloon that nobody sees") {
    BalloonBench bench;
    bench.context.identity.runtime_directory = {};
    VirtioBalloon alone{bench.context, {.name = "balloon"}};
    alone.appear();
    bench.context.identity.runtime_directory = "/no/such/directory";
    VirtioBalloon lost{bench.context, {.name = "balloon"}};
    lost.appear();
    CHECK(std::filesystem::is_empty(bench.path));
}

}  // namespace qvm
