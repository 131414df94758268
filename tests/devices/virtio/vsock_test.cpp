// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/vsock.hpp"

#include <catch2/catch.hpp>

#include "devices/virtio/vsock_bench.hpp"
#include "support/allocations.hpp"

namespace qvm {

extern const VdevType kVirtioVsock;

namespace {

using namespace test;

[[nodiscard]] std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
    return text;
}

}  // namespace

TEST_CASE("virtio 1.2, 5.10: device 19 with three queues and its cid") {
    VsockBench bench;
    CHECK(bench.vsock.type() == 19);
    CHECK(bench.vsock.features() == 1);
    CHECK(bench.vsock.queue_sizes().size() == 3);
    CHECK(bench.vsock.config_size() == 8);
    CHECK(bench.driver.config<std::uint64_t>(0) == VsockBench::kCid);
    CHECK(bench.driver.config<std::uint32_t>(4) == 0);
}

TEST_CASE("a guest connects to a port of the host, and both talk") {
    for (const std::uint64_t ring : {std::uint64_t{0}, virtio_feature::kRingPacked}) {
        VsockBench bench;
        bench.driver.ring_features |= ring;
        bench.start();
        const HostSocket host = bench.connect_from_guest();
        bench.send_data("from the guest");
        CHECK(host.read(14) == "from the guest");
        host.send("from the host");
        const auto packet = bench.next();
        CHECK(packet.data == "from the host");
        CHECK(packet.header.op == VsockOp::Rw);
        CHECK(packet.header.src_cid == 2);
        CHECK(packet.header.dst_cid == VsockBench::kCid);
        CHECK(packet.header.src_port == VsockBench::kHostPort);
        CHECK(packet.header.dst_port == VsockBench::kGuestPort);
        CHECK(packet.header.type == 1);
        CHECK(packet.header.buf_alloc == 65536);
        CHECK(packet.header.fwd_cnt == 14);
    }
}

TEST_CASE("the host connects to a port of the guest by its name, and is told its own") {
    VsockBench bench;
    bench.start();
    const HostSocket host = bench.connect_from_host();
    CHECK(bench.last_host_port == 1U << 30);
    VsockHeader response = VsockBench::header(VsockOp::Response);
    response.dst_port = bench.last_host_port;
    bench.send(response);
    CHECK(host.read(14) == "OK 1073741824\n");
    host.send("hello");
    CHECK(bench.next().data == "hello");
    const HostSocket second = bench.connect_from_host();
    CHECK(bench.last_host_port == (1U << 30) + 1);
}

TEST_CASE("what the host says behind its greeting is the guest's, when that has answered") {
    VsockBench bench;
    bench.start();
    const HostSocket host{connect_unix(bench.path)};
    host.send("CONN");
    bench.settle();
    host.send("ECT 1024\nalready");
    const auto request = bench.next();
    VsockHeader response = VsockBench::header(VsockOp::Response);
    response.dst_port = request.header.src_port;
    bench.send(response);
    CHECK(bench.next().data == "already");
}

TEST_CASE("who greets wrongly is hung up on") {
    VsockBench bench;
    bench.start();
    for (const char* greeting : {"CONNECT x\n", "CONNECT\n", "CONNECT 4294967296\n", "CONNECT -1\n", "CONNECT 1 \n",
                                 "GET / HTTP/1.1\r\n\r\n", "\n", "CONNECT 000000000000000000001\n"}) {
        const HostSocket host{connect_unix(bench.path)};
        host.send(greeting);
        CHECK(host.at_end());
    }
    { const HostSocket silent{connect_unix(bench.path)}; }
    (void)bench.connect_from_host();
}

TEST_CASE("virtio 1.2, 5.10.6.4: a port that nobody listens at is a reset") {
    VsockBench bench;
    bench.start();
    bench.send(VsockOp::Request);
    const auto packet = bench.next();
    CHECK(packet.header.op == VsockOp::Rst);
    CHECK(packet.header.src_port == VsockBench::kHostPort);
    CHECK(packet.header.dst_port == VsockBench::kGuestPort);

    const HostSocket host = bench.connect_from_host();
    VsockHeader refused = VsockBench::header(VsockOp::Rst);
    refused.dst_port = bench.last_host_port;
    bench.send(refused);
    CHECK(host.at_end());
}

TEST_CASE("a guest that listens gets no more than it has room for, and asks for the rest") {
    VsockBench bench;
    bench.start();
    const HostSocket host = bench.connect_from_guest();
    VsockHeader credit = VsockBench::header(VsockOp::CreditUpdate);
    credit.buf_alloc = 10;
    bench.send(credit);
    host.send("0123456789abcdef");
    CHECK(bench.next().data == "0123456789");
    CHECK(bench.next().header.op == VsockOp::CreditRequest);
    credit.fwd_cnt = 4;
    bench.send(credit);
    CHECK(bench.next().data == "abcd");
    CHECK(bench.next().header.op == VsockOp::CreditRequest);
    credit.buf_alloc = 3;  // it takes some of its promise back
    bench.send(credit);
    credit.fwd_cnt = 1000;  // more than it got
    bench.send(credit);
    bench.settle();
    credit.fwd_cnt = 14;
    bench.send(credit);
    CHECK(bench.next().data == "ef");
}

TEST_CASE("a host that does not read stops the guest by its credit, and loses nothing") {
    VsockBench bench;
    bench.start(64);
    const HostSocket host = bench.connect_from_guest();
    const std::string text = pattern(2 * kMiB);
    std::uint32_t sent = 0;
    std::uint32_t taken = 0;
    std::string arrived;
    while (arrived.size() < text.size()) {
        const std::uint32_t room = 65536 - (sent - taken);
        const std::size_t now = std::min<std::size_t>({room, 16384, text.size() - sent});
        if (now != 0) {
            bench.send_data(std::string_view{text}.substr(sent, now));
            sent += static_cast<std::uint32_t>(now);
            continue;
        }
        // The whole credit is used: the host reads some of it, and the guest hears of that.
        arrived += host.read(std::min<std::size_t>(sent - arrived.size(), 200'000));
        if (sent == text.size()) continue;
        bench.send(VsockOp::CreditRequest);
        taken = bench.next().header.fwd_cnt;
    }
    CHECK(arrived == text);
    CHECK(bench.vsock.counters().bad_packet.total() == 0);
}

TEST_CASE("a guest that sends beyond its credit is reset") {
    VsockBench bench;
    bench.start();
    const HostSocket host = bench.connect_from_guest();
    const std::string text = pattern(65536);
    bool reset = false;
    for (int i = 0; i < 100 && !reset; ++i) {
        bench.send_data(text);
        while (const auto used = bench.driver.queue(0).driver().collect()) reset = reset || used->written == 44;
        reset = bench.vsock.counters().bad_packet.total() != 0;
    }
    CHECK(bench.vsock.counters().bad_packet.total() == 1);
    bench.send_data("it is over");
    bench.settle();
    CHECK(bench.vsock.counters().bad_packet.total() == 1);  // unknown by now, which may be a matter of time
}

TEST_CASE("virtio 1.2, 5.10.6.5: each half ends by itself") {
    VsockBench bench;
    bench.start();
    SECTION("the host's first") {
        const HostSocket host = bench.connect_from_guest();
        host.send("last words");
        host.end_output();
        CHECK(bench.next().data == "last words");
        const auto end = bench.next();
        CHECK(end.header.op == VsockOp::Shutdown);
        CHECK(end.header.flags == vsock_shutdown::kSend);
        bench.send_data("an answer");
        CHECK(host.read(9) == "an answer");
        bench.send(VsockOp::Shutdown, vsock_shutdown::kBoth);
        CHECK(host.at_end());
        CHECK(bench.next().header.op == VsockOp::Rst);
    }
    SECTION("the guest's first") {
        const HostSocket host = bench.connect_from_guest();
        bench.send_data("last words");
        bench.send(VsockOp::Shutdown, vsock_shutdown::kSend);
        CHECK(host.read(100) == "last words");
        host.send("an answer");
        CHECK(bench.next().data == "an answer");
        bench.send_data("too late");
        CHECK(bench.next().header.op == VsockOp::Rst);
        CHECK(bench.vsock.counters().bad_packet.total() == 1);
    }
    SECTION("the host goes away") {
        {
            const HostSocket host = bench.connect_from_guest();
            host.send("last words");
        }
        CHECK(bench.next().data == "last words");
        std::uint32_t flags = 0;
        while (flags != vsock_shutdown::kBoth) flags = bench.next().header.flags;
        bench.send(VsockOp::Rst);
        bench.send_data("nobody");
        CHECK(bench.next().header.op == VsockOp::Rst);
    }
    SECTION("the host goes away and the guest goes on to send") {
        { const HostSocket host = bench.connect_from_guest(); }
        bench.send_data("nobody");
        CHECK(bench.next_but_credit().header.op != VsockOp::Rw);
        CHECK(bench.vsock.counters().bad_packet.total() == 0);
    }
    SECTION("the guest wants no more") {
        const HostSocket host = bench.connect_from_guest();
        bench.send(VsockOp::Shutdown, vsock_shutdown::kReceive);
        bench.send_data("but says more");
        CHECK(host.read(13) == "but says more");
        CHECK(host.send_some("no") == 0);
    }
}

TEST_CASE("what a guest sent before it went away arrives") {
    VsockBench bench;
    bench.start();
    const HostSocket host = bench.connect_from_guest();
    std::string all;
    const std::string text = pattern(16384);
    const bool by_reset = GENERATE(true, false);
    // More than the socket holds, so that some of it is still here.
    for (std::uint32_t forwarded = 0; all.size() - forwarded + text.size() <= 65536;) {
        bench.send_data(text);
        all += text;
        bench.send(VsockOp::CreditRequest);
        forwarded = bench.next().header.fwd_cnt;
    }
    bench.send(by_reset ? VsockOp::Rst : VsockOp::Shutdown, vsock_shutdown::kBoth);
    CHECK(host.read(all.size() + 1) == all);
}

TEST_CASE("packets that are none are counted and dropped; those for others are refused") {
    VsockBench bench;
    bench.start();
    GuestHeap& heap = bench.driver.heap;
    const auto raw_packet = [&](const Buffer& buffer) {
        bench.driver.queue(1).send({buffer});
        (void)bench.driver.queue(1).wait_used();
    };
    raw_packet(heap.readable(std::string(43, '\0')));
    raw_packet(heap.writable(100));
    VsockHeader foreign = VsockBench::header(VsockOp::Request);
    foreign.src_cid = 8;
    bench.send(foreign);
    VsockHeader too_long = VsockBench::header(VsockOp::Rw, 5);
    bench.send(too_long, "four");
    too_long.len = UINT32_MAX;
    bench.send(too_long, "four");
    CHECK(bench.vsock.counters().bad_packet.total() == 5);

    VsockHeader elsewhere = VsockBench::header(VsockOp::Request);
    elsewhere.dst_cid = 9;
    bench.send(elsewhere);
    auto answer = bench.next();
    CHECK(answer.header.op == VsockOp::Rst);
    CHECK(answer.header.src_cid == 9);
    VsockHeader seqpacket = VsockBench::header(VsockOp::Request);
    seqpacket.type = 2;
    bench.send(seqpacket);
    answer = bench.next();
    CHECK(answer.header.op == VsockOp::Rst);
    CHECK(answer.header.type == 2);
    for (const VsockOp op : {VsockOp::Response, VsockOp::Rw, VsockOp::Shutdown, VsockOp::CreditRequest,
                             VsockOp::CreditUpdate, VsockOp::Invalid, VsockOp{99}}) {
        bench.send(op);
        CHECK(bench.next().header.op == VsockOp::Rst);
    }
    bench.send(VsockOp::Rst);  // never answered
    elsewhere.op = VsockOp::Rst;
    bench.send(elsewhere);
    bench.settle();
    CHECK_FALSE(bench.driver.queue(0).driver().collect());
}

TEST_CASE("operations that a connection is not in the state for reset it") {
    for (const VsockOp op : {VsockOp::Request, VsockOp::Response, VsockOp::Invalid, VsockOp{77}}) {
        VsockBench bench;
        bench.start();
        const HostSocket host = bench.connect_from_guest();
        bench.send(op);
        CHECK(bench.next().header.op == VsockOp::Rst);
        CHECK(host.at_end());
        CHECK(bench.vsock.counters().bad_packet.total() == 1);
    }
}

TEST_CASE("there are so many connections, and no more") {
    VsockBench bench;
    bench.host_listener.emplace(bench.path + "_52");
    bench.start();
    std::vector<HostSocket> hosts;
    VsockHeader request = VsockBench::header(VsockOp::Request);
    for (std::uint32_t i = 0; i < VsockHub::kMostStreams; ++i) {
        request.src_port = 5000 + i;
        bench.send(request);
        hosts.emplace_back(bench.host_listener->accept());
        REQUIRE(bench.next().header.op == VsockOp::Response);
    }
    request.src_port = 4999;
    bench.send(request);
    CHECK(bench.next().header.op == VsockOp::Rst);
    CHECK(bench.vsock.counters().too_many.total() == 1);
    const HostSocket refused{connect_unix(bench.path)};
    CHECK(refused.at_end());
    request.src_port = 5000;
    request.op = VsockOp::Rst;
    bench.send(request);
    request = VsockBench::header(VsockOp::Request);
    bench.send(request);
    CHECK(bench.next().header.op == VsockOp::Response);
}

TEST_CASE("a guest that takes no answers is not listened to until it does") {
    VsockBench bench;
    bench.start(0);
    const VsockHeader nobody = VsockBench::header(VsockOp::Rw);
    for (int i = 0; i < 64; ++i) bench.send(nobody);
    const Buffer packet = bench.driver.heap.readable(std::as_bytes(std::span{&nobody, 1}).first(kVsockHeaderSize));
    for (int i = 0; i < 10; ++i) bench.driver.queue(1).send({packet});
    bench.settle();
    CHECK_FALSE(bench.driver.queue(1).driver().collect());
    for (int i = 0; i < 80; ++i) bench.give(bench.driver.heap.writable(100));
    for (int i = 0; i < 74; ++i) CHECK(bench.next().header.op == VsockOp::Rst);
}

TEST_CASE("buffers that no packet fits into come back empty") {
    VsockBench bench;
    bench.start(0);
    for (int i = 0; i < 3; ++i) bench.driver.queue(0).send({bench.driver.heap.writable(44)});
    bench.driver.queue(0).send({bench.driver.heap.readable("not to be written to")});
    bench.give(bench.driver.heap.writable(100));
    bench.send(VsockOp::Request);
    for (int i = 0; i < 4; ++i) CHECK(bench.driver.queue(0).wait_used().written == 0);
    CHECK(bench.next().header.op == VsockOp::Rst);
    CHECK(bench.vsock.counters().bad_buffer.total() == 4);
}

TEST_CASE("a queue of the sockets that the driver breaks makes the device need a reset, which ends all connections") {
    for (unsigned queue = 0; queue < 2; ++queue) {
        VsockBench bench;
        bench.start();
        const HostSocket host = bench.connect_from_guest();
        bench.driver.queue(queue).send({{Gpa{FakeVirtio::kMemory}, 16, true}});
        if (queue == 0) {
            for (int i = 0; i < 40; ++i) bench.send_data("");
            for (int i = 0; i < 40; ++i) bench.send(VsockOp::CreditRequest);
        }
        CHECK_FALSE(bench.driver.transport.wait_needs_reset().empty());
        bench.driver.stop();
        CHECK(host.at_end());
        bench.start();
        (void)bench.connect_from_guest();
    }
}

TEST_CASE("megabytes go both ways, byte by byte, and no packet allocates") {
    VsockBench bench;
    bench.start(64);
    const HostSocket host = bench.connect_from_guest();
    const std::string text = pattern(4096);
    std::uint32_t forwarded = 0;
    const auto round = [&] {
        VsockHeader head = VsockBench::header(VsockOp::Rw, 4096);
        head.fwd_cnt = forwarded;
        bench.send(head, text);
        const bool out = host.read(4096) == text;
        host.send(text);
        std::string back;
        while (back.size() < text.size()) back += bench.next().data;
        forwarded += 4096;
        return out && back == text;
    };
    for (int i = 0; i < 20; ++i) REQUIRE(round());
    std::uint64_t before = 0;
    run_on_loop(bench.context.loop(), [&] { before = allocations_of_this_thread(); });
    for (int i = 0; i < 500; ++i) REQUIRE(round());
    std::uint64_t after = 0;
    run_on_loop(bench.context.loop(), [&] { after = allocations_of_this_thread(); });
    CHECK(after == before);
}

TEST_CASE("guest-cid and socket are judged when they are read") {
    FakeContext context;
    context.identity.check = true;
    const auto make = [&](std::uint64_t cid, const std::string& socket) {
        FakeSpec spec{kVirtioVsock.syntax};
        spec.with("guest-cid", cid).with("socket", socket);
        return kVirtioVsock.make(spec.get(), context);
    };
    for (const std::uint64_t cid : {0ULL, 2ULL, 0xffff'ffffULL, 1ULL << 40})
        CHECK_THROWS_WITH(make(cid, "/run/v"), std::to_string(cid) + " cannot be a guest's cid");
    CHECK_THROWS_WITH(make(3, ""), "a socket with that path and a port behind it cannot be");
    CHECK_THROWS_WITH(make(3, std::string(97, 'x')), "a socket with that path and a port behind it cannot be");
    CHECK(make(3, std::string(96, 'x')));
    context.identity.check = false;
    CHECK_THROWS_AS(make(3, "/no/such/directory/v"), ConfigError);
}

}  // namespace qvm
