// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "devices/host/net_connectors.hpp"
#include "devices/host/unix_socket.hpp"

namespace qvm {
namespace {

/// The first thing that each end says: what it speaks, who it is and whom it wants.
struct Hello {
    std::array<char, 8> protocol{'q', 'v', 'm', '-', 'n', 'e', 't', '1'};
    std::array<char, 124> from{};
    std::array<char, 124> to{};
    bool operator==(const Hello&) const noexcept = default;
};

[[nodiscard]] Hello make_hello(const std::string& from, const std::string& to) noexcept {
    Hello hello;
    std::copy_n(from.begin(), std::min(from.size(), hello.from.size()), hello.from.begin());
    std::copy_n(to.begin(), std::min(to.size(), hello.to.size()), hello.to.begin());
    return hello;
}

[[nodiscard]] std::string_view text_of(const std::array<char, 124>& field) noexcept {
    return {field.data(), static_cast<std::size_t>(std::ranges::find(field, '\0') - field.begin())};
}

}  // namespace

PeerConnector::PeerConnector(EventLoop& loop, Log& log, NetAddress own, NetAddress peer, mode_t mode)
    : loop_{loop}, log_{log}, own_{std::move(own)}, peer_{std::move(peer)}, listener_{listen_unix(own_.path, mode)} {}

PeerConnector::~PeerConnector() { ::unlink(own_.path.c_str()); }

void PeerConnector::start(StreamLink& link) {
    link_ = &link;
    accepting_ = loop_.watch(listener_.get(), POLLIN, [this](std::uint32_t) { accept(); });
    if (UniqueFd fd = connect_unix(peer_.path)) greet(outgoing_, std::move(fd), true);
}

void PeerConnector::stop() noexcept {
    accepting_ = Watch{};
    outgoing_.watch = Watch{};
    incoming_.watch = Watch{};
}

void PeerConnector::accept() {
    if (UniqueFd fd = accept_unix(listener_.get())) greet(incoming_, std::move(fd), false);
}

void PeerConnector::greet(Caller& caller, UniqueFd fd, bool called_by_us) {
    caller.watch = Watch{};
    caller.fd = std::move(fd);
    const Hello hello = make_hello(own_.name, peer_.name);
    (void)::send(caller.fd.get(), &hello, sizeof hello, MSG_NOSIGNAL);  // a new connection has room
    caller.watch = loop_.watch(caller.fd.get(), POLLIN,
                               [this, &caller, called_by_us](std::uint32_t) { hear(caller, called_by_us); });
}

/// Two that start at the same time may both get through: the connection that the lesser name has made is kept.
void PeerConnector::hear(Caller& caller, bool called_by_us) {
    caller.watch = Watch{};
    UniqueFd fd = std::exchange(caller.fd, UniqueFd{});
    if (!is_welcome(fd.get())) return;
    const bool ours_first = own_.name < peer_.name;
    if (link_->alive() && current_by_us_ != called_by_us && called_by_us != ours_first) return;
    current_by_us_ = called_by_us;
    link_->connected(std::move(fd));
}

bool PeerConnector::is_welcome(int fd) {
    Hello hello;
    const ssize_t size = ::recv(fd, &hello, sizeof hello, 0);
    if (size == sizeof hello && hello == make_hello(peer_.name, own_.name)) return true;
    if (size == sizeof hello)
        log_.warn(fmt::format("/dev/qvm/{} called for /dev/qvm/{}, but the peer of /dev/qvm/{} is /dev/qvm/{}",
                              text_of(hello.from), text_of(hello.to), own_.name, peer_.name));
    return false;
}

}  // namespace qvm
