// SPDX-License-Identifier: Apache-2.0
#include "devices/host/vhost_user_events.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace qvm {

UniqueFd VhostUserEvents::open(EventLoop& loop, Said said) {
    close();
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) return {};
    socket_ = UniqueFd{ends[0]};
    UniqueFd other{ends[1]};
    said_ = std::move(said);
    readable_ = loop.watch(socket_.get(), POLLIN, [this](std::uint32_t) { readable(); });
    return other;
}

void VhostUserEvents::close() noexcept {
    readable_ = {};
    socket_ = {};
    decoder_.clear();
}

void VhostUserEvents::readable() {
    for (;;) {
        const auto room = decoder_.room();
        const ssize_t got = ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) return close();
        const auto state = decoder_.filled(static_cast<std::size_t>(got));
        if (state == VhostUserDecoder::State::More) continue;
        if (state == VhostUserDecoder::State::Bad) return close();
        const VhostUserMessage message = std::exchange(decoder_, {}).message();
        answer(message);
        return said_(message.header.request);
    }
}

/// 0 is consent, and what is not known is refused. If the back end does not read, that is its own loss.
void VhostUserEvents::answer(const VhostUserMessage& message) const noexcept {
    if ((message.header.flags & VhostUserHeader::kNeedReply) == 0) return;
    const std::uint64_t result = message.header.request == vhost_user_event::kConfigChange ? 0 : 1;
    VhostUserMessage reply = VhostUserMessage::of(message.request(), result);
    reply.header.flags |= VhostUserHeader::kReply;
    (void)::send(socket_.get(), reply.bytes().data(), reply.bytes().size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace qvm
