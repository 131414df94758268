// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "devices/virtio/balloon_bench.hpp"

namespace qvm {

extern const VdevType kVirtioBalloon;

namespace {

using namespace test;

constexpr unsigned kStats = 2;
constexpr unsigned kReports = 4;
constexpr std::uint32_t kPage = BalloonBench::kSparePage;

[[nodiscard]] std::vector<std::uint32_t> pages(std::uint32_t first, std::uint32_t count) {
    std::vector<std::uint32_t> numbers(count);
    for (std::uint32_t i = 0; i < count; ++i) numbers[i] = first + i;
    return numbers;
}

[[nodiscard]] bool all_are(std::span<const std::byte> bytes, int value) {
    return std::ranges::all_of(bytes, [value](std::byte each) { return each == std::byte(value); });
}

/// The buffer by which a guest reports free pages.
[[nodiscard]] Buffer report(std::uint32_t first, std::uint32_t count) {
    return {Gpa{first * kBalloonPage}, static_cast<std::uint32_t>(count * kBalloonPage), true};
}

}  // namespace

TEST_CASE("virtio 1.2, 5.5: device 5, its features and its configuration") {
    BalloonBench bench{{.name = "balloon", .size = 8 * kMiB}};
    CHECK(bench.balloon->type() == 5);
    CHECK(bench.balloon->features() == 0x36);  // statistics, deflate on OOM, page poison, page reporting
    CHECK(bench.balloon->queue_sizes().size() == 5);
    CHECK(bench.balloon->config_size() == 16);
    CHECK(bench.driver->config<std::uint32_t>(0) == 2048);
    CHECK(bench.driver->config<std::uint32_t>(4) == 0);
    bench.driver->set_config(4, std::uint32_t{7});
    CHECK(bench.driver->config<std::uint32_t>(4) == 7);
    bench.driver->set_config(0, std::uint32_t{9});
    bench.driver->set_config(5, std::uint16_t{9});
    bench.driver->set_config(14, std::uint32_t{9});
    CHECK(bench.driver->config<std::uint32_t>(0) == 2048);
    CHECK(bench.driver->config<std::uint32_t>(4) == 7);
    CHECK(bench.driver->config<std::uint64_t>(12) == 0);
}

TEST_CASE("virtio 1.2, 5.5.6: pages that the guest gives away go back to the host, and come back empty") {
    for (const std::uint64_t ring : {std::uint64_t{0}, virtio_feature::kRingPacked}) {
        BalloonBench bench;
        bench.driver->ring_features |= ring;
        bench.driver->start();
        CHECK(bench.spare_present() == BalloonBench::kSpareSize);
        bench.inflate(pages(kPage, 256));
        CHECK(bench.spare_present() == 3 * kMiB);
        bench.inflate({kPage + 303, kPage + 301, kPage + 302, kPage + 301, kPage + 400});
        CHECK(bench.spare_present() == 3 * kMiB - 4 * kBalloonPage);
        CHECK(bench.first_byte(kPage) == std::byte{0});
        CHECK(bench.first_byte(kPage + 256) == std::byte{0x5a});
        bench.deflate(pages(kPage, 256));
        std::ranges::fill(bench.spare(), std::byte{1});
        CHECK(bench.spare_present() == BalloonBench::kSpareSize);
        CHECK(bench.balloon->counters().bad_page.total() == 0);
    }
}

TEST_CASE("pages that are not the guest's RAM are counted, and those beside them go") {
    BalloonBench bench;
    bench.driver->start();
    const std::uint32_t rom = BalloonBench::kRom / kBalloonPage;
    bench.inflate({0xffff'ffff, 0xffff'fffe, rom, rom + 255, kPage, kPage + 1023, kPage + 1024});
    bench.deflate({0xffff'ffff, rom});
    CHECK(bench.balloon->counters().bad_page.total() == 7);
    CHECK(bench.spare_present() == BalloonBench::kSpareSize - 2 * kBalloonPage);
    CHECK(all_are(bench.context.ram.span(Gpa{BalloonBench::kRom}, kMiB).value(), 0xf0));
}

TEST_CASE("a list may be long, in pieces and repeat itself; what is no list is counted") {
    BalloonBench bench;
    bench.driver->start();
    const std::vector<std::uint32_t> all = pages(kPage, 1024);
    const Buffer whole = bench.driver->heap.readable(std::as_bytes(std::span{all}));
    Buffer odd = whole;
    odd.size -= 2;
    std::vector<Buffer> chain(7, whole);
    chain.push_back(odd);
    bench.driver->queue(0).send(chain);
    (void)bench.driver->queue(0).wait_used();
    CHECK(bench.spare_present() == 0);
    CHECK(bench.balloon->counters().bad_list.total() == 1);
    bench.driver->queue(0).send({bench.driver->heap.writable(64)});
    CHECK(bench.driver->queue(0).wait_used().written == 0);
    bench.driver->queue(0).send({bench.driver->heap.readable("abc")});
    (void)bench.driver->queue(0).wait_used();
    CHECK(bench.balloon->counters().bad_list.total() == 3);
    CHECK(bench.balloon->counters().bad_page.total() == 0);
}

TEST_CASE("virtio 1.2, 5.5.6.7: reported free pages go back to the host, as far as they are whole") {
    BalloonBench bench;
    bench.driver->start();
    bench.driver->queue(kReports).send({report(kPage, 512), report(kPage + 600, 8)});
    CHECK(bench.driver->queue(kReports).wait_used().written == 0);
    CHECK(bench.spare_present() == BalloonBench::kSpareSize - 520 * kBalloonPage);
    Buffer crooked = report(kPage + 700, 2);
    crooked.at = Gpa{raw(crooked.at) + 1};
    bench.driver->queue(kReports).send({crooked});
    (void)bench.driver->queue(kReports).wait_used();
    CHECK(bench.spare_present() == BalloonBench::kSpareSize - 521 * kBalloonPage);
    CHECK(bench.first_byte(kPage + 700) == std::byte{0x5a});
    CHECK(bench.first_byte(kPage + 702) == std::byte{0x5a});
    bench.driver->queue(kReports).send({bench.driver->heap.readable("what is read names no page")});
    (void)bench.driver->queue(kReports).wait_used();
    CHECK(bench.balloon->counters().bad_report.total() == 1);
}

TEST_CASE("a report of more than one turn's work is done in several") {
    BalloonBench bench;
    bench.driver->start();
    bench.driver->queue(kReports).send(std::vector<Buffer>(100, report(kPage, 1024)));
    (void)bench.driver->queue(kReports).wait_used();
    CHECK(bench.spare_present() == 0);
}

TEST_CASE("Linux before 6.11 reports free pages on the queue before the last one") {
    BalloonBench bench;
    bench.driver->left_out = {kReports};
    bench.driver->start();
    bench.driver->queue(3).send({report(kPage, 16)});
    (void)bench.driver->queue(3).wait_used();
    CHECK(bench.spare_present() == BalloonBench::kSpareSize - 16 * kBalloonPage);
}

TEST_CASE("virtio 1.2, 5.5.6.9: a guest that poisons its free pages finds them as they were") {
    BalloonBench bench;
    bench.driver->set_config(12, std::uint32_t{0xaaaa'aaaa});
    bench.driver->start();
    bench.driver->queue(kReports).send({report(kPage, 16)});
    (void)bench.driver->queue(kReports).wait_used();
    CHECK(bench.spare_present() == BalloonBench::kSpareSize);
    bench.driver->set_config(12, std::uint32_t{0});  // free pages are zero: those of the host are, too
    bench.driver->queue(kReports).send({report(kPage, 16)});
    (void)bench.driver->queue(kReports).wait_used();
    CHECK(bench.spare_present() == BalloonBench::kSpareSize - 16 * kBalloonPage);
}

TEST_CASE("features that the driver does not take are not there") {
    BalloonBench bench{{.name = "balloon", .statistics = std::chrono::seconds{1}}};
    bench.driver->own_features = 0;
    bench.driver->start();
    bench.driver->queue(kReports).send({report(kPage, 16)});
    bench.driver->queue(kStats).send({bench.driver->heap.readable(std::string(10, '\0'))});
    bench.inflate({kPage});
    bench.settle();
    CHECK_FALSE(bench.driver->queue(kReports).driver().collect());
    CHECK(bench.spare_present() == BalloonBench::kSpareSize - kBalloonPage);
}

TEST_CASE("queues that were left out are nobody's") {
    BalloonBench bench;
    bench.driver->left_out = {0, 1, 2, 3, 4};
    bench.driver->start();
    bench.settle();
    bench.driver->stop();
    CHECK(bench.driver->transport.reset_reasons().empty());
}

TEST_CASE("a queue of the balloon that the driver breaks makes it need a reset, which helps") {
    for (unsigned queue = 0; queue < 5; ++queue) {
        BalloonBench bench;
        bench.driver->start();
        bench.driver->queue(queue).send({{Gpa{BalloonBench::kSpare + BalloonBench::kSpareSize}, 16, true}});
        CHECK_FALSE(bench.driver->transport.wait_needs_reset().empty());
        bench.driver->stop();
        bench.driver->start();
        bench.inflate({kPage});
        CHECK(bench.spare_present() == BalloonBench::kSpareSize - kBalloonPage);
    }
}

TEST_CASE("a driver that resets the balloon in the middle of its work leaves nothing behind") {
    BalloonBench bench;
    bench.driver->start();
    const std::vector<std::uint32_t> all = pages(kPage, 1024);
    const Buffer whole = bench.driver->heap.readable(std::as_bytes(std::span{all}));
    bench.driver->queue(0).send(std::vector<Buffer>(100, whole));
    bench.driver->queue(kReports).send(std::vector<Buffer>(100, report(kPage, 1024)));
    bench.driver->stop();
    bench.driver->start();
    bench.inflate({kPage});
}

TEST_CASE("size: whole pages; statistics: within a day") {
    FakeContext context;
    const auto made = [&](std::string_view option, std::uint64_t value) {
        FakeSpec spec{kVirtioBalloon.syntax};
        spec.with(option, value);
        return kVirtioBalloon.make(spec.get(), context);
    };
    CHECK_THROWS_WITH(made("size", 4097), "a balloon is made of whole pages of 4 KiB");
    CHECK_THROWS_WITH(made("statistics", 86401), "that is more than a day");
    CHECK(made("size", 8192));
}

}  // namespace qvm
