// SPDX-License-Identifier: Apache-2.0
// docs/interop/vhost-user.rst of QEMU 7.2, "Message Specification".
#include "devices/host/vhost_user_message.hpp"

#include <catch2/catch.hpp>

using namespace qvm;
using State = VhostUserDecoder::State;

namespace {

/// Gives the decoder bytes, `step` at a time, until it has a message or gives up; how many it took.
std::size_t feed(VhostUserDecoder& decoder, std::span<const std::byte> bytes, std::size_t step, State& state) {
    std::size_t done = 0;
    state = State::More;
    while (state == State::More && done < bytes.size()) {
        const auto room = decoder.room();
        REQUIRE(!room.empty());
        const std::size_t now = std::min({step, room.size(), bytes.size() - done});
        std::ranges::copy(bytes.subspan(done, now), room.begin());
        state = decoder.filled(now);
        done += now;
    }
    return done;
}

VhostUserMessage config_answer(std::uint32_t offset, std::uint32_t size, std::size_t sent) {
    const VhostUserConfig config{.offset = offset, .size = size, .flags = 0, .bytes = {std::byte{7}}};
    return VhostUserMessage::of(VhostUserRequest::GetConfig, config, offsetof(VhostUserConfig, bytes) + sent);
}

}  // namespace

TEST_CASE("vhost-user: a message is twelve bytes and a payload") {
    const auto message = VhostUserMessage::of(VhostUserRequest::SetVringNum, VhostUserVringState{3, 256});
    const std::array<std::uint32_t, 5> wanted{8, 1, 8, 3, 256};
    CHECK(std::ranges::equal(message.bytes(), std::as_bytes(std::span{wanted})));
    CHECK(VhostUserMessage::of(VhostUserRequest::SetOwner).bytes().size() == 12);
    CHECK(sizeof(VhostUserVringAddr) == 40);
    CHECK(sizeof(VhostUserMemTable) == 8 + 8 * 32);
    CHECK(offsetof(VhostUserConfig, bytes) == 12);
}

TEST_CASE("vhost-user: messages come in pieces of any size, and not a byte of the next one is taken") {
    const auto message = VhostUserMessage::of(VhostUserRequest::GetFeatures, std::uint64_t{0x1234'5678'9abc});
    std::vector<std::byte> two{message.bytes().begin(), message.bytes().end()};
    two.insert(two.end(), two.begin(), two.begin() + static_cast<std::ptrdiff_t>(message.bytes().size()));
    for (std::size_t step = 1; step < 50; ++step) {
        VhostUserDecoder decoder;
        State state{};
        CHECK(feed(decoder, two, step, state) == message.bytes().size());
        CHECK(state == State::Complete);
        CHECK(decoder.message().as<std::uint64_t>() == 0x1234'5678'9abc);
        CHECK(decoder.room().empty());
        decoder.clear();
        CHECK(decoder.room().size() == sizeof(VhostUserHeader));
    }
}

TEST_CASE("vhost-user: a message that is longer than any is bad before its payload has come") {
    for (const std::uint32_t size : {static_cast<std::uint32_t>(VhostUserMessage::kMostPayload) + 1, UINT32_MAX}) {
        VhostUserMessage message = VhostUserMessage::of(VhostUserRequest::GetFeatures);
        const auto bytes = message.bytes();
        message.header.size = size;
        VhostUserDecoder decoder;
        State state{};
        CHECK(feed(decoder, bytes, 5, state) == sizeof(VhostUserHeader));
        CHECK(state == State::Bad);
        CHECK(decoder.room().empty());
    }
}

TEST_CASE("vhost-user: an answer has the request's type, the version and the reply bit") {
    VhostUserMessage message = VhostUserMessage::of(VhostUserRequest::GetFeatures, std::uint64_t{0});
    CHECK_FALSE(answers(message, VhostUserRequest::GetFeatures));
    message.header.flags = 5;
    CHECK(answers(message, VhostUserRequest::GetFeatures));
    CHECK_FALSE(answers(message, VhostUserRequest::GetConfig));
    for (const std::uint32_t flags : {0U, 1U, 4U, 6U, 7U}) {
        message.header.flags = flags;
        CHECK_FALSE(answers(message, VhostUserRequest::GetFeatures));
    }
}

TEST_CASE("vhost-user: a configuration is of the size that was asked for") {
    const VhostUserMessage good = config_answer(0, 60, 60);
    const auto config = config_in(good, 60);
    REQUIRE(config);
    CHECK(config->size() == 60);
    CHECK(config->front() == std::byte{7});
    CHECK_FALSE(config_in(config_answer(0, 60, 59), 60));
    CHECK_FALSE(config_in(config_answer(0, 59, 60), 60));
    CHECK_FALSE(config_in(config_answer(1, 60, 60), 60));
    CHECK_FALSE(config_in(config_answer(0, 60, 60), 61));
    CHECK_FALSE(config_in(config_answer(0, 300, 256), 300));
    CHECK_FALSE(config_in(VhostUserMessage::of(VhostUserRequest::GetConfig), 60));
}
