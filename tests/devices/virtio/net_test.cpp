// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/net.hpp"

#include <catch2/catch.hpp>

#include <sys/socket.h>

#include "devices/host/stream_link.hpp"
#include "support/allocations.hpp"
#include "support/fake_net.hpp"
#include "support/fake_virtio.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

constexpr std::uint64_t kAllOffloads = net_feature::kOffloads;

/// A card that the driver can start, and its host's end.
struct Card {
    explicit Card(NetSettings settings = {}) : net{context.loop()} {
        settings.name = "net under test";
        settings.mac = {2, 1, 2, 3, 4, 5};
        device = std::make_unique<VirtioNet>(context, settings, NetHost{std::make_unique<FakeNetBackend>(net)});
        driver = std::make_unique<FakeVirtio>(context, *device);
        device->plug_in();
    }
    ~Card() { driver.reset(); }

    [[nodiscard]] std::string all(const std::vector<Buffer>& buffers) const {
        std::string text;
        for (const Buffer& each : buffers) text += driver->heap.text(each);
        return text;
    }
    /// Buffers for frames, one chain each, and the device told of them.
    std::vector<Buffer> give_buffers(unsigned count, std::uint32_t size) {
        std::vector<Buffer> buffers;
        for (unsigned i = 0; i < count; ++i) {
            buffers.push_back(driver->heap.writable(size));
            (void)driver->queue(0).driver().add({buffers.back()});
        }
        driver->queue(0).kick();
        return buffers;
    }
    std::uint8_t command(std::string_view text) {
        const Buffer answer = driver->heap.writable(1);
        DrivenQueue& control = driver->queue(control_queue);
        control.send({driver->heap.readable(text), answer});
        CHECK(control.wait_used().written == 1);
        return driver->heap.value<std::uint8_t>(answer);
    }
    /// As they are when the loop has done all that it has to do so far.
    const NetCounters& counters() {
        run_on_loop(context.loop(), [] {});
        return device->counters();
    }
    void send_frame(const std::string& frame, const NetHeader& header = {}) {
        driver->queue(1).send({driver->heap.readable_value(header), driver->heap.readable(frame)});
    }

    FakeContext context;
    FakeNet net;
    std::unique_ptr<VirtioNet> device;
    std::unique_ptr<FakeVirtio> driver;
    unsigned control_queue = 2;
};

/// Ring layouts that every path must work with.
std::uint64_t any_ring() {
    using namespace virtio_feature;
    return GENERATE(as<std::uint64_t>{}, kVersion1, kVersion1 | kEventIdx, kVersion1 | kRingPacked,
                    kVersion1 | kRingPacked | kEventIdx);
}

}  // namespace

TEST_CASE("a network card says its address, its link and how many pairs of queues it has") {
    Card card{{.pairs = 4, .mtu = 9000}};
    CHECK(card.device->queue_sizes().size() == 9);
    const auto config = card.driver->config<NetConfig>(0);
    CHECK(MacAddress{2, 1, 2, 3, 4, 5} == std::to_array(config.mac));
    CHECK(config.status == NetConfig::kLinkUp);
    CHECK(config.max_virtqueue_pairs == 4);
    CHECK(config.mtu == 9000);
    CHECK((card.device->features() & (net_feature::kMq | net_feature::kMtu)) == (net_feature::kMq | net_feature::kMtu));
    CHECK((Card{}.device->features() & (net_feature::kMq | net_feature::kMtu)) == 0);
}

TEST_CASE("a network card offers of its peer's features those whose conditions are met") {
    using namespace net_feature;
    const auto offered = [](std::uint64_t mask) { return Card{{.offloads = mask}}.device->features() & kOffloads; };
    CHECK(offered(0) == 0);
    CHECK(offered(kOffloads) == kOffloads);
    CHECK(offered(kHostTso4 | kGuestTso6 | kHostEcn | kGuestUfo) == 0);
    CHECK(offered(kCsum | kHostTso4 | kHostEcn) == (kCsum | kHostTso4 | kHostEcn));
    CHECK(offered(kGuestCsum | kGuestEcn) == kGuestCsum);
    CHECK(offered(kGuestCsum | kHostTso4) == kGuestCsum);
}

TEST_CASE("a change of the link is a change of the configuration") {
    Card card;
    card.driver->start();
    const unsigned seen = card.driver->transport.config_changes();
    card.net.set_link(false);
    REQUIRE(card.driver->transport.wait_config_change(seen));
    CHECK(card.driver->config<NetConfig>(0).status == 0);
}

TEST_CASE("frames of the guest reach the host, however they are cut into buffers") {
    Card card;
    card.driver->ring_features = any_ring();
    card.driver->start();
    DrivenQueue& queue = card.driver->queue(1);
    GuestHeap& heap = card.driver->heap;
    const std::string frame = frame_of("how are you?");
    const std::string whole = std::string(sizeof(NetHeader), '\0') + frame;

    queue.send({heap.readable(whole)});
    CHECK(card.net.wait_sent().data == frame);
    queue.send({heap.readable(whole.substr(0, 12)), heap.readable(whole.substr(12))});
    CHECK(card.net.wait_sent().data == frame);
    queue.send(
        {heap.readable(whole.substr(0, 5)), heap.readable(whole.substr(5, 11)), heap.readable(whole.substr(16))});
    CHECK(card.net.wait_sent().data == frame);
    for (int i = 0; i < 3; ++i) CHECK(queue.wait_used().written == 0);
    run_on_loop(card.context.loop(), [] {});
    CHECK(card.counters().sent == 3);
    CHECK(card.counters().bad_frame.total() == 0);
}

TEST_CASE("a header's requests reach the host as far as they were negotiated") {
    Card card{{.offloads = kAllOffloads}};
    card.driver->own_features = ~net_feature::kHostTso6;
    card.driver->start();
    const NetHeader asked{.flags = NetHeader::kNeedsCsum | NetHeader::kDataValid,
                          .gso_type = NetHeader::kTcp4,
                          .hdr_len = 54,
                          .gso_size = 1448,
                          .csum_start = 34,
                          .csum_offset = 16,
                          .num_buffers = 7};
    card.send_frame(frame_of_size(3000), asked);
    const auto got = card.net.wait_sent();
    CHECK(got.header.flags == NetHeader::kNeedsCsum);
    CHECK(got.header.gso_type == NetHeader::kTcp4);
    CHECK(got.header.gso_size == 1448);
    CHECK(got.header.num_buffers == 0);

    card.send_frame(frame_of_size(3000), {.gso_type = NetHeader::kTcp6});  // the driver has not taken it
    card.send_frame(frame_of_size(3000), {.gso_type = 2});                 // does not exist
    card.send_frame(frame_of("after"));
    CHECK(card.net.wait_sent().data == frame_of("after"));
    for (int i = 0; i < 4; ++i) (void)card.driver->queue(1).wait_used();
    CHECK(card.counters().bad_frame.total() == 2);
}

TEST_CASE("what is no frame is counted, given back, and changes nothing for the next one") {
    Card card;
    card.driver->start();
    GuestHeap& heap = card.driver->heap;
    DrivenQueue& queue = card.driver->queue(1);
    const NetHeader none;
    const auto header = heap.readable_value(none);
    queue.send({heap.readable("short")});
    queue.send({header});
    queue.send({header, heap.readable(std::string(kMinFrame - 1, 'x'))});
    queue.send({header, heap.readable(std::string(kMaxFrame + 1, 'x'))});
    queue.send({heap.writable(100)});
    card.send_frame(frame_of("checksum"), {.flags = NetHeader::kNeedsCsum});  // not negotiated
    queue.send({header, heap.readable(std::string(kMaxFrame, 'x'))});
    CHECK(card.net.wait_sent().data.size() == kMaxFrame);
    for (int i = 0; i < 7; ++i) CHECK(queue.wait_used().written == 0);
    CHECK(card.counters().bad_frame.total() == 6);
    CHECK(card.driver->transport.reset_reasons().empty());
}

TEST_CASE("what the host does not take is lost, and what it refuses is the guest's fault") {
    Card card;
    card.driver->start();
    card.net.answer = NetBackend::Sent::Lost;
    card.send_frame(frame_of("lost"));
    (void)card.driver->queue(1).wait_used();
    card.net.answer = NetBackend::Sent::Refused;
    card.send_frame(frame_of("refused"));
    (void)card.driver->queue(1).wait_used();
    CHECK(card.counters().unsent == 1);
    CHECK(card.counters().bad_frame.total() == 1);
    CHECK(card.counters().sent == 0);
}

TEST_CASE("more frames than one turn handles are all sent") {
    Card card;
    card.driver->largest_queue = 1024;
    card.driver->start();
    GuestHeap& heap = card.driver->heap;
    const auto frame = heap.readable(std::string(sizeof(NetHeader) + kMinFrame, '\0'));
    for (unsigned i = 0; i < 1000; ++i) (void)card.driver->queue(1).driver().add({frame});
    card.driver->queue(1).kick();
    for (unsigned i = 0; i < 1000; ++i) (void)card.driver->queue(1).wait_used();
    CHECK(card.counters().sent == 1000);
    CHECK(card.net.flushes >= 1000 / kFramesPerTurn);
}

TEST_CASE("frames for the guest arrive in its buffers") {
    Card card;
    card.driver->own_features = GENERATE(~0ULL, ~net_feature::kMrgRxbuf);
    card.driver->ring_features = any_ring();
    card.driver->start();
    const auto buffers = card.give_buffers(3, 1600);
    for (const char* text : {"one", "two", "three"}) card.net.offer(frame_of(text));
    for (const auto& [number, text] : {std::pair{0U, "one"}, std::pair{1U, "two"}, std::pair{2U, "three"}}) {
        const auto used = card.driver->queue(0).wait_used();
        CHECK(used.written == sizeof(NetHeader) + frame_of(text).size());
        CHECK(card.driver->heap.value<NetHeader>(buffers[number]).num_buffers == 1);
        CHECK(card.driver->heap.text(buffers[number]).substr(sizeof(NetHeader), frame_of(text).size()) ==
              frame_of(text));
    }
    CHECK(card.counters().received == 3);
}

TEST_CASE("a frame over several buffers of a driver that merges them") {
    Card card{{.offloads = kAllOffloads}};
    card.driver->ring_features = any_ring();
    card.driver->start();
    const auto buffers = card.give_buffers(100, 1000);
    const auto sizes = GENERATE(std::vector<std::size_t>{988, 989, 2988, 2989}, std::vector<std::size_t>{20000, 20000},
                                std::vector<std::size_t>{65550, 60, 30000});
    unsigned at = 0;
    for (const std::size_t size : sizes) {
        const std::string frame = frame_of_size(size);
        card.net.offer(frame, {.flags = NetHeader::kNeedsCsum, .gso_type = NetHeader::kTcp4});
        const std::size_t total = size + sizeof(NetHeader), count = (total + 999) / 1000;
        std::string got;
        std::size_t written = 0;
        for (unsigned i = 0; i < count; ++i) {
            const auto used =
                i == 0 ? std::optional{card.driver->queue(0).wait_used()} : card.driver->queue(0).driver().collect();
            REQUIRE(used);  // all of a frame is there at once
            written += used->written;
            got += card.driver->heap.text(buffers[at + i]);
        }
        CHECK(written == total);
        const auto header = card.driver->heap.value<NetHeader>(buffers[at]);
        CHECK(header.num_buffers == count);
        CHECK(header.gso_type == NetHeader::kTcp4);
        CHECK(got.substr(sizeof(NetHeader), size) == frame);
        at += static_cast<unsigned>(count);
    }
}

TEST_CASE("without merged buffers a frame that is too large for one is lost, and the buffer is used for the next") {
    Card card;
    card.driver->own_features = ~net_feature::kMrgRxbuf;
    card.driver->start();
    const auto buffers = card.give_buffers(2, 500);
    card.net.offer(frame_of_size(489));
    card.net.offer(frame_of_size(488));
    CHECK(card.driver->queue(0).wait_used().written == 500);
    CHECK(card.driver->heap.text(buffers[0]).substr(sizeof(NetHeader)) == frame_of_size(488));
    CHECK(card.counters().unreceived == 1);
}

TEST_CASE("frames wait on the host's side while the guest has no buffers") {
    Card card;
    card.driver->ring_features = any_ring();
    card.driver->start();
    run_on_loop(card.context.loop(), [] {});
    card.net.offer(frame_of("early"));
    CHECK(card.net.untaken() == 1);
    const Buffer buffer = card.driver->heap.writable(200);
    card.driver->queue(0).send({buffer});  // kicks only if the device wants to know
    (void)card.driver->queue(0).wait_used();
    CHECK(card.driver->heap.text(buffer).substr(sizeof(NetHeader), 19) == frame_of("early"));
}

TEST_CASE("a frame that has come in part waits for more buffers") {
    Card card;
    card.driver->ring_features = any_ring();
    card.driver->start();
    auto buffers = card.give_buffers(2, 500);
    const std::string frame = frame_of_size(1800);
    card.net.offer(frame);
    card.net.offer(frame_of("next"));
    CHECK_FALSE(card.driver->queue(0).driver().collect());
    for (int i = 0; i < 3; ++i) {
        buffers.push_back(card.driver->heap.writable(500));
        card.driver->queue(0).send({buffers.back()});
    }
    for (int i = 0; i < 5; ++i) (void)card.driver->queue(0).wait_used();
    CHECK(card.all(buffers).substr(sizeof(NetHeader), frame.size()) == frame);
    CHECK(card.driver->heap.text(buffers.back()).substr(sizeof(NetHeader), 18) == frame_of("next"));
    CHECK(card.counters().unreceived == 0);
}

TEST_CASE("a frame for which all of the guest's buffers are too small is lost") {
    Card card;
    card.driver->largest_queue = 4;
    card.driver->start();
    const auto buffers = card.give_buffers(4, 100);
    card.net.offer(frame_of_size(1000));
    card.net.offer(frame_of_size(388));
    for (int i = 0; i < 4; ++i) CHECK(card.driver->queue(0).wait_used().written == 100);
    CHECK(card.all(buffers).substr(sizeof(NetHeader)) == frame_of_size(388));
    CHECK(card.counters().unreceived == 1);
}

TEST_CASE("buffers that hold no frame come back empty") {
    Card card;
    card.driver->start();
    GuestHeap& heap = card.driver->heap;
    card.driver->queue(0).send({heap.readable("not writable")});
    card.driver->queue(0).send({heap.writable(sizeof(NetHeader) - 1)});
    const auto good = heap.writable(200);
    card.driver->queue(0).send({good});
    card.net.offer(frame_of("good"));
    CHECK(card.driver->queue(0).wait_used().written == 0);
    CHECK(card.driver->queue(0).wait_used().written == 0);
    CHECK(card.driver->queue(0).wait_used().written == 12 + frame_of("good").size());
    CHECK(card.counters().bad_buffer.total() == 2);
}

TEST_CASE("frames of impossible size from the host go nowhere") {
    Card card;
    card.driver->start();
    (void)card.give_buffers(4, 2000);
    card.net.offer("tiny");
    card.net.offer(frame_of_size(kMaxFrame + 1));
    card.net.offer(frame_of("good"));
    CHECK(card.driver->queue(0).wait_used().written == 12 + frame_of("good").size());
    CHECK(card.counters().unreceived == 2);
}

TEST_CASE("commands of the driver") {
    using namespace std::string_literals;
    Card card;
    card.driver->start();
    CHECK(card.command("\0\0\1"s) == net_control::kOk);  // promiscuous
    CHECK(card.command("\0\5\1"s) == net_control::kOk);  // no broadcasts
    CHECK(card.command("\1\1\x02\xaa\xbb\xcc\xdd\xee"s) == net_control::kOk);
    const auto config = card.driver->config<NetConfig>(0);
    CHECK(std::to_array(config.mac) == MacAddress{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee});
    CHECK(card.command("\1\0\0\0\0\0\1\0\0\0\x33\x33\0\0\0\1"s) == net_control::kOk);  // filter: none, and one group
    CHECK(card.counters().bad_command.total() == 0);
}

TEST_CASE("commands that make no sense are refused and counted") {
    using namespace std::string_literals;
    Card card;
    card.driver->start();
    const auto refused = {
        ""s + '\0',                           // half a head
        "\0\0"s,                              // without an argument
        "\0\6\1"s,                            // no such mode
        "\1\1\x02\xaa\xbb\xcc\xdd"s,          // five bytes of an address
        "\1\2\0"s,                            // no such command
        "\1\0\0\0\0"s,                        // half a number
        "\1\0\0\0\0\0"s,                      // one table of two
        "\1\0\xff\xff\xff\xff\0\0\0\0\0\0"s,  // more addresses than there are
        "\1\0\xab\xaa\xaa\x2a\0\0\0\0\0\0"s,  // whose size in bytes wraps
        "\4\0\1\0"s,                          // pairs that were not negotiated
        "\7\0\0"s,                            // no such class
    };
    for (const std::string& command : refused) CHECK(card.command(command) == net_control::kErr);
    CHECK(card.counters().bad_command.total() == refused.size());

    card.driver->queue(2).send({card.driver->heap.readable("\0\0\1"s)});  // no room for an answer
    CHECK(card.driver->queue(2).wait_used().written == 0);
    CHECK(card.counters().bad_command.total() == refused.size() + 1);
}

TEST_CASE("the driver chooses how many pairs of queues are in use") {
    using namespace std::string_literals;
    Card card{{.pairs = 4}};
    card.control_queue = 8;
    card.driver->start();
    CHECK(card.command("\4\0\3\0"s) == net_control::kOk);
    CHECK(card.command("\4\0\0\0"s) == net_control::kErr);
    CHECK(card.command("\4\0\5\0"s) == net_control::kErr);
    CHECK(card.command("\4\0\4"s) == net_control::kErr);
    CHECK(card.net.pairs == std::vector<unsigned>{1, 3});

    const auto buffer = card.driver->heap.writable(200);
    card.driver->queue(4).send({buffer});
    card.driver->queue(4).kick();
    run_on_loop(card.context.loop(), [] {});
    card.driver->queue(5).send(
        {card.driver->heap.readable_value(NetHeader{}), card.driver->heap.readable(frame_of("third"))});
    CHECK(card.net.wait_sent().data == frame_of("third"));
}

TEST_CASE("a driver that does not know of pairs has its control queue behind the first one") {
    using namespace std::string_literals;
    Card card{{.pairs = 4}};
    card.driver->own_features = ~net_feature::kMq;
    card.driver->start();
    card.control_queue = 2;
    CHECK(card.command("\0\0\1"s) == net_control::kOk);
}

TEST_CASE("a network card starts again after a reset") {
    Card card;
    for (int i = 0; i < 3; ++i) {
        card.driver->start();
        const auto buffer = card.give_buffers(1, 200)[0];
        card.net.offer(frame_of("to the guest"));
        (void)card.driver->queue(0).wait_used();
        CHECK(card.driver->heap.text(buffer).substr(sizeof(NetHeader), 26) == frame_of("to the guest"));
        card.send_frame(frame_of("to the host"));
        CHECK(card.net.wait_sent().data == frame_of("to the host"));
        card.driver->stop();
    }
}

TEST_CASE("a network card without queues, or with some left out, is quiet") {
    Card card;
    card.driver->left_out = {0, 2};
    card.driver->start();
    card.net.offer(frame_of("nobody listens"));
    card.send_frame(frame_of("works"));
    CHECK(card.net.wait_sent().data == frame_of("works"));
    CHECK(card.net.untaken() == 1);
}

TEST_CASE("a ring that the driver breaks is told, once") {
    Card card;
    card.driver->start();
    auto& driver = dynamic_cast<SplitDriver&>(card.driver->queue(1).driver());
    driver.set_available_index(5000);
    driver.publish();
    card.driver->queue(1).kick();
    CHECK_FALSE(card.driver->transport.wait_needs_reset().empty());
    card.driver->queue(1).kick();
    run_on_loop(card.context.loop(), [] {});
    CHECK(card.driver->transport.reset_reasons().size() == 1);
}

namespace {

/// Has a connection from the start.
class Connected final : public Connector {
public:
    explicit Connected(UniqueFd fd) : fd_{std::move(fd)} {}
    void start(StreamLink& link) override { link.connected(std::move(fd_)); }
    void lost() noexcept override {}
    void stop() noexcept override {}

private:
    UniqueFd fd_;
};

}  // namespace

TEST_CASE("in steady state a frame of a network card allocates nothing") {
    FakeContext context;
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const UniqueFd far{ends[1]};
    auto link = std::make_unique<StreamLink>(context.loop(), context.log(), "link", FrameStream::Headers::No,
                                             std::make_unique<Connected>(UniqueFd{ends[0]}));
    VirtioNet device{context, {.name = "net"}, {std::move(link)}};
    FakeVirtio driver{context, device};
    driver.ring_features = any_ring() | virtio_feature::kIndirectDesc;
    device.plug_in();
    driver.start();

    const auto frame = driver.heap.readable(std::string(sizeof(NetHeader), '\0') + frame_of_size(1000));
    const auto room = driver.heap.writable(1600);
    const auto allocated = [&] {
        std::uint64_t count = 0;
        run_on_loop(context.loop(), [&] { count = allocations_of_this_thread(); });
        return count;
    };
    std::uint64_t before = 0;
    for (int round = 0; round < 500; ++round) {
        if (round == 10) before = allocated();
        driver.queue(1).send({frame}, round % 2 == 0 ? Layout::Direct : Layout::Indirect);
        std::array<char, 1004> bytes{};
        REQUIRE(::recv(far.get(), bytes.data(), bytes.size(), MSG_WAITALL) == 1004);
        REQUIRE(::send(far.get(), bytes.data(), bytes.size(), 0) == 1004);  // waits while there is no buffer
        driver.queue(0).send({room});
        CHECK(driver.queue(0).wait_used().written == 1012);
        (void)driver.queue(1).wait_used();
    }
    CHECK(allocated() == before);
    CHECK(device.counters().received == 500);
}
