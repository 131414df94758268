// SPDX-License-Identifier: Apache-2.0
#include "devices/host/frame_stream.hpp"

#include <sys/socket.h>
#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <string_view>

#include "devices/virtio/net_format.hpp"
#include "support/fake_net.hpp"
#include "vmm/error.hpp"

using namespace qvm;
using namespace qvm::test;

namespace {

struct Wire {
    explicit Wire(FrameStream::Headers headers = FrameStream::Headers::No) : stream{headers} {
        std::array<int, 2> ends{};
        check("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
        far = UniqueFd{ends[1]};
        stream.connect(UniqueFd{ends[0]});
    }
    bool send(std::string_view data, NetHeader header = {}) {
        const std::array<iovec, 2> frame{iovec{&header, sizeof header},
                                         iovec{const_cast<char*>(data.data()), data.size()}};
        return stream.send(frame);
    }
    void say(std::string_view raw) const { REQUIRE(::send(far.get(), raw.data(), raw.size(), 0) == ssize(raw)); }
    [[nodiscard]] std::string hear(std::size_t most = 100) const {
        std::string text(most, '\0');
        const ssize_t got = ::recv(far.get(), text.data(), most, MSG_DONTWAIT);
        text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        return text;
    }
    [[nodiscard]] std::string next() {
        const auto frame = stream.next();
        if (!frame) return "(none)";
        return {reinterpret_cast<const char*>(frame->data.data()), frame->data.size()};
    }
    static ssize_t ssize(std::string_view text) { return static_cast<ssize_t>(text.size()); }

    FrameStream stream;
    UniqueFd far;
};

std::string with_length(std::string_view data) {
    std::string raw(4, '\0');
    for (unsigned i = 0; i < 4; ++i) raw[i] = static_cast<char>(data.size() >> (24 - 8 * i));
    return raw.append(data);
}

}  // namespace

TEST_CASE("frames are sent after their length, many at once") {
    Wire wire;
    CHECK(wire.send("first"));
    CHECK(wire.send("second one"));
    CHECK(wire.hear().empty());
    CHECK(wire.stream.flush());
    CHECK(wire.hear() == with_length("first") + with_length("second one"));
}

TEST_CASE("frames are received however they come") {
    Wire wire;
    CHECK(wire.next() == "(none)");
    wire.say(with_length("one") + with_length("") + with_length("three") + with_length("four").substr(0, 6));
    CHECK(wire.next() == "one");
    CHECK(wire.stream.has_frame());
    CHECK(wire.next().empty());
    CHECK(wire.next() == "three");
    CHECK_FALSE(wire.stream.has_frame());
    CHECK(wire.next() == "(none)");
    wire.say("ur");
    CHECK(wire.next() == "four");
    for (const char byte : with_length("slow")) {
        CHECK(wire.next() == "(none)");
        wire.say({&byte, 1});
    }
    CHECK(wire.next() == "slow");
}

TEST_CASE("between two VMs the header goes along") {
    Wire wire{FrameStream::Headers::Yes};
    CHECK(wire.send("data", {.flags = 1, .csum_start = 0x22}));
    CHECK(wire.stream.flush());
    const std::string raw = wire.hear();
    CHECK(raw == with_length(std::string{"\1\0\0\0\0\0\x22\0\0\0\0\0data", 16}));
    wire.say(raw);
    const auto frame = wire.stream.next();
    REQUIRE(frame);
    CHECK(frame->header.size() == sizeof(NetHeader));
    CHECK(frame->header[6] == std::byte{0x22});
    CHECK(frame->data.size() == 4);
}

TEST_CASE("frames of the largest size") {
    Wire wire;
    const std::string large = frame_of_size(kMaxFrame);
    std::size_t received = 0;
    for (int i = 0; i < 10; ++i) {
        REQUIRE(wire.send(large));
        for (std::string raw; received < large.size() + 4; received += raw.size()) {
            (void)wire.stream.flush();
            raw = wire.hear(30000);
            REQUIRE_FALSE(raw.empty());
            wire.say(raw);
            if (received + raw.size() < large.size() + 4) CHECK(wire.next() == "(none)");
        }
        received = 0;
        CHECK(wire.next() == large);
    }
}

TEST_CASE("what a slow reader does not take is lost in whole frames") {
    Wire wire;
    std::size_t taken = 0;
    const std::string frame = frame_of_size(1500);
    while (wire.send(frame)) ++taken;
    CHECK_FALSE(wire.stream.flush());
    CHECK_FALSE(wire.send(frame));
    std::string all;
    for (std::string part; all.size() < taken * (frame.size() + 4); all += part) {
        part = wire.hear(100000);
        REQUIRE_FALSE(part.empty());
        (void)wire.stream.flush();
    }
    CHECK(wire.stream.flush());
    std::string expected;
    for (std::size_t i = 0; i < taken; ++i) expected += with_length(frame);
    CHECK(all == expected);
    CHECK(wire.send(frame));
}

TEST_CASE("a length that no frame has ends the connection") {
    Wire wire;
    const std::string_view length =
        GENERATE(std::string_view{"\xff\xff\xff\xff", 4}, std::string_view{"\0\1\0\x12", 4});
    wire.say(with_length("good"));
    wire.say(length);
    CHECK(wire.next() == "good");
    CHECK_FALSE(wire.stream.broken());
    CHECK(wire.next() == "(none)");
    CHECK(wire.stream.broken());
    CHECK_FALSE(wire.send("more"));
}

TEST_CASE("with headers a frame has at least one") {
    Wire wire{FrameStream::Headers::Yes};
    wire.say(with_length(std::string(sizeof(NetHeader) - 1, 'x')));
    CHECK(wire.next() == "(none)");
    CHECK(wire.stream.broken());
}

TEST_CASE("an end of the connection is seen by reading and by writing") {
    Wire wire;
    wire.far = UniqueFd{};
    SECTION("reading") { CHECK(wire.next() == "(none)"); }
    SECTION("writing") {
        CHECK(wire.send("data"));
        CHECK(wire.stream.flush());
    }
    CHECK(wire.stream.broken());
}
