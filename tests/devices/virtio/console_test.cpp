// SPDX-License-Identifier: Apache-2.0
// Places in the specification: virtio 1.2, 5.3.
#include <catch2/catch.hpp>

#include "devices/virtio/console_bench.hpp"
#include "support/allocations.hpp"

namespace qvm {

using namespace test;

namespace {

constexpr std::uint64_t kSize = 1, kMultiport = 2, kEmergencyWrite = 4;

}  // namespace

TEST_CASE("a console alone has two queues, a size and emergency writes (5.3.2, 5.3.3)") {
    const ConsoleBench bench;
    const VirtioDevice& device = *bench.console;
    CHECK(device.type() == 3);
    CHECK(device.features() == (kSize | kEmergencyWrite));
    CHECK(device.queue_sizes().size() == 2);
    CHECK(device.config_size() == 12);
    CHECK(device.accepts(0));
}

TEST_CASE("a console with named ports has two queues more for each, and two for control (5.3.2)") {
    const ConsoleBench bench{{"agent", "log"}};
    CHECK(bench.console->features() == (kSize | kMultiport | kEmergencyWrite));
    CHECK(bench.console->queue_sizes().size() == 2 + 2 + 2 * 2);
    ConsoleBench other{{"agent", "log"}};
    CHECK(other.driver.config<std::uint32_t>(4) == 3);  // max_nr_ports
}

TEST_CASE("what the guest sends comes out at the host, in order and whole") {
    const auto layout = GENERATE(Layout::Direct, Layout::Indirect);
    const std::uint64_t ring = GENERATE(0ULL, virtio_feature::kRingPacked, virtio_feature::kEventIdx);
    ConsoleBench bench;
    bench.driver.ring_features = virtio_feature::kVersion1 | virtio_feature::kIndirectDesc | ring;
    bench.driver.start();
    bench.send(1, {"one ", "two ", "three "}, layout);
    bench.send(1, {"four"}, layout);
    CHECK(bench.host.text() == "one two three four");
}

TEST_CASE("what comes from the host fills the guest's buffers one after the other, and the rest waits") {
    ConsoleBench bench;
    bench.driver.start();
    const Buffer small = bench.offer(0, 3);
    const Buffer large = bench.offer(0, 10);
    CHECK(bench.host.type("hello world, how are you") == 13);
    CHECK(bench.queue(0).wait_used().written == 3);
    CHECK(bench.queue(0).wait_used().written == 10);
    CHECK(bench.driver.heap.text(small) == "hel");
    CHECK(bench.driver.heap.text(large) == "lo world, ");

    const unsigned before = bench.host.resumed();
    (void)bench.offer(0, 100);
    CHECK(bench.host.wait_resumed(before));
    CHECK(bench.host.type("how are you") == 11);
    CHECK(bench.queue(0).wait_used().written == 11);
}

TEST_CASE("as long as the guest has no buffers, nothing is taken from the host") {
    ConsoleBench bench;
    CHECK(bench.host.type("too early") == 0);
    bench.driver.start();
    CHECK(bench.host.type("still") == 0);
    (void)bench.offer(0, 8);
    CHECK(bench.host.type("now") == 3);
    bench.driver.stop();
    CHECK(bench.host.type("too late") == 0);
}

TEST_CASE("without tx-backpressure, what a slow host end does not take is lost, and the guest never waits") {
    ConsoleBench bench;
    bench.host.room(4);
    bench.driver.start();
    bench.send(1, {"123456"});
    bench.send(1, {"789"});
    CHECK(bench.host.text() == "1234");
    bench.host.room(100);
    bench.send(1, {"more"});
    CHECK(bench.host.text() == "1234more");
}

TEST_CASE("with tx-backpressure, the guest's buffers stay with the device until the host end takes them") {
    ConsoleBench bench{{}, Backpressure::Yes};
    bench.host.room(4);
    bench.driver.start();
    DrivenQueue& queue = bench.queue(1);
    queue.send({bench.driver.heap.readable("12"), bench.driver.heap.readable("3456")});
    queue.send({bench.driver.heap.readable("789")});
    CHECK(bench.host.wait_text("1234"));
    bench.settle();
    CHECK_FALSE(queue.driver().collect());
    bench.host.make_room(3);
    CHECK(queue.wait_used().id == 0);
    CHECK(bench.host.text() == "1234567");
    bench.settle();
    CHECK_FALSE(queue.driver().collect());
    bench.host.make_room(1000);
    (void)queue.wait_used();
    CHECK(bench.host.text() == "123456789");
}

TEST_CASE("a reset lets go of a buffer that waits for the host, and the next driver begins anew") {
    ConsoleBench bench{{}, Backpressure::Yes};
    bench.host.room(2);
    bench.driver.start();
    bench.queue(1).send({bench.driver.heap.readable("12345")});
    CHECK(bench.host.wait_text("12"));
    bench.driver.stop();
    bench.host.make_room(1000);
    bench.driver.start();
    bench.send(1, {"new"});
    CHECK(bench.host.text() == "12new");
}

TEST_CASE("more output than one turn moves arrives whole") {
    ConsoleBench bench{{}, Backpressure::Yes};
    bench.driver.start();
    std::string text;
    while (text.size() < 1'500'000) text += std::to_string(text.size()) + ' ';
    bench.send(1, {text});
    CHECK(bench.host.text() == text);
}

TEST_CASE("more buffers than one turn serves are all served") {
    ConsoleBench bench;
    bench.driver.largest_queue = 8;
    bench.driver.start();
    DrivenQueue& queue = bench.queue(1);
    std::string sent;
    for (int i = 0; i < 500; ++i) {
        const std::string word = std::to_string(i);
        while (!queue.driver().has_room(1)) (void)queue.wait_used();
        queue.send({bench.driver.heap.readable(word)});
        sent += word;
    }
    CHECK(bench.host.wait_text(sent));
}

TEST_CASE("an emergency write needs no driver (5.3.5)") {
    ConsoleBench bench;
    for (const char c : std::string_view{"help"}) {
        bench.driver.set_config(8, static_cast<std::uint32_t>(static_cast<unsigned char>(c)) | 0xabcdef00U);
    }
    bench.driver.set_config(8, static_cast<std::uint8_t>('!'));
    CHECK(bench.host.text() == "help!");
    CHECK(bench.host.used());
    bench.driver.set_config(0, std::uint32_t{0});  // the others cannot be written
    bench.driver.set_config(4, std::uint32_t{0});
    CHECK(bench.host.text() == "help!");
    CHECK(bench.driver.config<std::uint32_t>(8) == 0);
}

TEST_CASE("the host end's size is in the configuration, and a change is announced (5.3.4)") {
    ConsoleBench bench;
    bench.driver.start();
    CHECK(bench.driver.config<std::uint32_t>(0) == 0);
    CHECK(bench.driver.config<std::uint32_t>(4) == 1);
    bench.host.resize({132, 50});
    CHECK(bench.driver.transport.wait_config_change(0));
    CHECK(bench.driver.config<std::uint16_t>(0) == 132);
    CHECK(bench.driver.config<std::uint16_t>(2) == 50);
    CHECK(bench.driver.config<std::uint8_t>(2) == 50);
}

TEST_CASE("the host end of a console is used from its driver's start on (qvmconf 3.4)") {
    ConsoleBench bench;
    CHECK_FALSE(bench.host.used());
    bench.driver.start();
    CHECK(bench.host.used());
}

TEST_CASE("a driver that leaves queues out gets nothing and does no harm") {
    ConsoleBench bench{{"agent"}};
    bench.driver.left_out = {0, 1, 2, 3, 4, 5};
    bench.driver.start();
    CHECK(bench.host.type("x") == 0);
    bench.port("agent").connect(true);
    bench.settle();
    CHECK(bench.driver.transport.reset_reasons().empty());
}

TEST_CASE("empty buffers and buffers the wrong way round come back unused") {
    ConsoleBench bench;
    bench.driver.start();
    DrivenQueue& output = bench.queue(1);
    output.send({bench.driver.heap.writable(8)});
    CHECK(output.wait_used().written == 0);
    DrivenQueue& input = bench.queue(0);
    input.send({bench.driver.heap.readable("not for input")});
    (void)bench.offer(0, 4);
    CHECK(bench.host.type("text") == 4);
    CHECK(input.wait_used().written == 0);
    CHECK(input.wait_used().written == 4);
    CHECK(bench.driver.transport.reset_reasons().empty());
}

TEST_CASE("a driver that breaks a queue has to reset the device") {
    ConsoleBench bench;
    bench.driver.start();
    const unsigned queue = GENERATE(0U, 1U);
    auto& driver = dynamic_cast<SplitDriver&>(bench.queue(queue).driver());
    (void)driver.place({bench.driver.heap.writable(4)});
    driver.write_descriptor(0, {.at = 1ULL << 60, .length = 4, .flags = 2, .next = 0});
    driver.publish();
    bench.queue(queue).kick();
    if (queue == 0) CHECK(bench.host.type("x") == 0);
    CHECK_FALSE(bench.driver.transport.wait_needs_reset().empty());
    bench.driver.stop();
    bench.driver.start();
    bench.send(1, {"well again"});
    CHECK(bench.host.text() == "well again");
}

TEST_CASE("moving bytes takes no memory from the heap") {
    ConsoleBench bench;
    FakeHostEnd& end = bench.context.ports[""];
    end.changed = {};
    end.output.reserve(kMiB);
    bench.driver.start();
    const Buffer output = bench.driver.heap.readable("to the host");
    const Buffer input = bench.driver.heap.writable(16);
    const auto round = [&] {
        bench.queue(1).send({output});
        (void)bench.queue(1).wait_used();
        bench.queue(0).send({input});
        CHECK(bench.host.type("from the host") == 13);
        (void)bench.queue(0).wait_used();
    };
    const auto of_the_loop = [&] {
        std::uint64_t count = 0;
        run_on_loop(bench.context.loop(), [&] { count = allocations_of_this_thread(); });
        return count;
    };
    for (int i = 0; i < 20; ++i) round();
    const std::uint64_t before = of_the_loop();
    for (int i = 0; i < 100; ++i) round();
    CHECK(of_the_loop() == before);
}

}  // namespace qvm
