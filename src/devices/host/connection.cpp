// SPDX-License-Identifier: Apache-2.0
#include "devices/host/connection.hpp"

#include <poll.h>

#include <utility>

namespace qvm {

namespace {

[[nodiscard]] bool has_gone(int fd) noexcept {
    pollfd item{.fd = fd, .events = 0, .revents = 0};
    return ::poll(&item, 1, 0) > 0;
}

}  // namespace

Connection::Connection(EventLoop& loop, std::shared_ptr<HostStream> stream, bool reads, Events events)
    : stream_{std::move(stream)}, events_{std::move(events)} {
    if (!reads) hung_up_ = loop.watch(stream_->fd(), 0, [this](std::uint32_t) { input_ended(); });
}

/// io_uring reports a peer that sends no more (POLLRDHUP) like one that has gone, and cannot be asked to leave that
/// out: there is nothing to wait for then, and the next write tells.
void Connection::input_ended() {
    hung_up_ = Watch{};
    sends_no_more_ = true;
    if (has_gone(stream_->fd())) return end();
    if (events_.sends_no_more) std::exchange(events_.sends_no_more, {})();
}

void Connection::output_lost() {
    if (sends_no_more_) end();
}

void Connection::end() {
    hung_up_ = Watch{};
    if (const auto over = std::exchange(events_.over, {})) over();
}

}  // namespace qvm
