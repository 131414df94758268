// SPDX-License-Identifier: Apache-2.0
// What a vhost-user back end may say: bytes in pieces of any size.
#include "devices/host/vhost_user_message.hpp"
#include "fuzz/input.hpp"

namespace qvm::test {
namespace {

void look_at(const VhostUserMessage& message, std::size_t size) {
    promise(message.bytes().size() <= sizeof message, "a message is no longer than there is room");
    const bool answer = answers(message, message.request());
    promise(!answer || (message.header.flags & VhostUserHeader::kReply) != 0, "an answer says that it is one");
    promise(!vhost_user_name(message.request()).empty(), "every message has a name");
    promise(message.as<std::uint64_t>().has_value() == (message.header.size == sizeof(std::uint64_t)), "a number");
    (void)message.as<VhostUserVringState>();
    const auto config = config_in(message, size);
    promise(!config || config->size() == size, "a configuration is of the size that was asked for");
}

}  // namespace
}  // namespace qvm::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace qvm::test;
    FuzzInput input{data, size};
    qvm::VhostUserDecoder decoder;
    while (!input.empty()) {
        const auto room = decoder.room();
        promise(!room.empty(), "there is room for what is missing");
        const auto bytes = input.bytes(std::min<std::size_t>(1U + input.byte() % 64U, room.size()));
        std::ranges::copy(bytes, room.begin());
        const auto state = decoder.filled(bytes.size());
        if (state == qvm::VhostUserDecoder::State::Bad) break;
        if (state != qvm::VhostUserDecoder::State::Complete) continue;
        look_at(decoder.message(), input.word() % 512U);
        decoder.clear();
    }
    return 0;
}
