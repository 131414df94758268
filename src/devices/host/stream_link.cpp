// SPDX-License-Identifier: Apache-2.0
#include "devices/host/stream_link.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/net_format.hpp"
#include "devices/virtio/net_offloads.hpp"

namespace qvm {
namespace {

/// Copies what has room; the buffers may end earlier than the bytes.
void scatter(std::span<const std::byte> bytes, std::span<const iovec> room) noexcept {
    for (const iovec& buffer : room) {
        const std::size_t size = std::min(bytes.size(), buffer.iov_len);
        std::memcpy(buffer.iov_base, bytes.data(), size);
        bytes = bytes.subspan(size);
        if (bytes.empty()) return;
    }
}

}  // namespace

StreamLink::StreamLink(EventLoop& loop, Log& log, std::string name, FrameStream::Headers headers,
                       std::unique_ptr<Connector> connector)
    : loop_{loop},
      log_{log},
      name_{std::move(name)},
      headers_{headers},
      connector_{std::move(connector)},
      stream_{headers},
      readable_{loop,
                [this] {
                    if (std::exchange(waited_for_, false)) client_->receivable(0);
                }},
      writable_{loop, [this] { flush(); }} {}

StreamLink::~StreamLink() {
    run_on_loop(loop_, [this] {
        connector_->stop();
        hung_up_ = Watch{};
        readable_.cancel();
        writable_.cancel();
    });
}

void StreamLink::attach(NetClient& client) {
    client_ = &client;
    run_on_loop(loop_, [this] { connector_->start(*this); });
}

void StreamLink::connected(UniqueFd fd) {
    readable_.cancel();
    writable_.cancel();
    hung_up_ = Watch{};
    stream_.connect(std::move(fd));
    hung_up_ = loop_.watch(stream_.fd(), 0, [this](std::uint32_t) { lose(); });
    set_link(true);
    if (waited_for_) listen();
}

bool StreamLink::alive() const noexcept {
    pollfd end{.fd = stream_.fd(), .events = 0, .revents = 0};
    return link_up() && !stream_.broken() && ::poll(&end, 1, 0) == 0;
}

void StreamLink::set_link(bool up) {
    if (up_.exchange(up) == up) return;
    log_.info(fmt::format("{}: the link is {}", name_, up ? "up" : "down"));
    client_->link_changed();
}

void StreamLink::lose() noexcept {
    if (!link_up()) return;
    readable_.cancel();
    writable_.cancel();
    hung_up_ = Watch{};
    stream_.connect(UniqueFd{});
    set_link(false);
    connector_->lost();
}

std::uint64_t StreamLink::offloads() const noexcept {
    return headers_ == FrameStream::Headers::Yes ? net_feature::kOffloads : 0;
}

void StreamLink::use(std::uint64_t features, unsigned /*pairs*/) noexcept { features_ = features; }

NetBackend::Sent StreamLink::send(unsigned /*pair*/, std::span<const iovec> frame) noexcept {
    return stream_.send(frame) ? Sent::Yes : Sent::Lost;
}

void StreamLink::flush() noexcept {
    if (!stream_.flush()) writable_.when(stream_.fd(), POLLOUT);
    if (stream_.broken()) lose();
}

/// A frame that the guest cannot take is one of no size, so that the caller counts it.
std::optional<std::size_t> StreamLink::receive(unsigned /*pair*/, std::span<const iovec> room) noexcept {
    const auto frame = stream_.next();
    if (!frame) {
        if (stream_.broken()) lose();
        return std::nullopt;
    }
    NetHeader header{};
    if (!frame->header.empty()) std::memcpy(&header, frame->header.data(), sizeof header);
    if (!adapt_to_receiver(header, frame->data, features_)) return 0;
    scatter(std::as_bytes(std::span{&header, 1}), room.first(1));
    scatter(frame->data, room.subspan(1));
    return sizeof header + frame->data.size();
}

void StreamLink::wait(unsigned /*pair*/) noexcept {
    waited_for_ = true;
    if (link_up()) listen();
}

void StreamLink::listen() noexcept {
    if (stream_.has_frame())
        readable_.soon();
    else
        readable_.when(stream_.fd(), POLLIN);
}

}  // namespace qvm
