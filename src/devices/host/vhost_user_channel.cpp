// SPDX-License-Identifier: Apache-2.0
#include "devices/host/vhost_user_channel.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "devices/host/run_on_loop.hpp"
#include "vmm/error.hpp"

namespace qvm {
namespace {

constexpr std::size_t kMostFds = VhostUserMemTable::kMostRegions;

[[nodiscard]] std::string about(const VhostUserMessage& message, std::string_view what) {
    return fmt::format("{} {}", what, vhost_user_name(message.request()));
}

/// Whether it says that all went well (VHOST_USER_PROTOCOL_F_REPLY_ACK).
[[nodiscard]] bool is_consent(const VhostUserMessage& answer) noexcept { return answer.as<std::uint64_t>() == 0; }

}  // namespace

VhostUserChannel::VhostUserChannel(EventLoop& loop, std::chrono::milliseconds limit, Lost lost)
    : loop_{loop},
      limit_{limit},
      lost_{std::move(lost)},
      writable_{loop, [this] { proceed(); }},
      expired_{loop.watch(patience_.fd(), POLLIN, [this](std::uint32_t) {
          if (patience_.drain() && !steps_.empty())
              lose(fmt::format("it has not answered {} for {} ms", vhost_user_name(steps_.front().message.request()),
                               limit_.count()));
      })} {}

VhostUserChannel::~VhostUserChannel() {
    run_on_loop(loop_, [this] {
        close();
        expired_ = {};
    });
}

void VhostUserChannel::open(UniqueFd socket) {
    close();
    socket_ = std::move(socket);
    readable_ = loop_.watch(socket_.get(), POLLIN, [this](std::uint32_t) { readable(); });
}

void VhostUserChannel::close() noexcept {
    readable_ = {};
    writable_.cancel();
    patience_.cancel();
    steps_.clear();
    decoder_.clear();
    acknowledged_ = false;
    waiting_ = false;
    socket_ = {};
}

void VhostUserChannel::lose(const std::string& why) {
    close();
    lost_(why);
}

void VhostUserChannel::ask(const VhostUserMessage& message, Judge judge) {
    add({.message = message, .judge = std::move(judge)});
}

void VhostUserChannel::tell(VhostUserMessage message, std::vector<int> fds) {
    if (acknowledged_) message.header.flags |= VhostUserHeader::kNeedReply;
    add({.message = message, .fds = std::move(fds), .judge = acknowledged_ ? Judge{is_consent} : Judge{}});
}

void VhostUserChannel::then(std::function<void()> work) { add({.work = std::move(work)}); }

void VhostUserChannel::add(Step step) {
    if (!is_open()) return;
    steps_.push_back(std::move(step));
    proceed();
}

void VhostUserChannel::proceed() {
    if (std::exchange(proceeding_, true)) return;
    while (!waiting_ && !steps_.empty() && begin(steps_.front())) {
    }
    proceeding_ = false;
}

bool VhostUserChannel::begin(Step& step) {
    if (step.work) {
        const auto work = std::move(step.work);
        steps_.pop_front();
        work();
        return true;
    }
    const Sent sent = send(step);
    if (sent == Sent::No) {
        lose(errno_text("it takes no message", errno));
        return false;
    }
    if (sent == Sent::Later) writable_.when(socket_.get(), POLLOUT);
    waiting_ = sent == Sent::Yes && step.judge;
    if (sent == Sent::Later || waiting_) {
        patience_.set(limit_);
        return false;
    }
    patience_.cancel();
    steps_.pop_front();
    return true;
}

/// All or nothing: the kernel takes what is as short as this as a whole (unix(7)).
VhostUserChannel::Sent VhostUserChannel::send(const Step& step) const noexcept {
    const auto bytes = step.message.bytes();
    iovec piece{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostFds * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    if (!step.fds.empty()) {
        const std::size_t size = step.fds.size() * sizeof(int);
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(size);
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(header), step.fds.data(), size);
    }
    ssize_t sent = 0;
    do sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return errno == EAGAIN ? Sent::Later : Sent::No;
    return static_cast<std::size_t>(sent) == bytes.size() ? Sent::Yes : Sent::No;
}

void VhostUserChannel::readable() {
    for (;;) {
        const auto room = decoder_.room();
        // Without room for descriptors the kernel drops those that come along.
        const ssize_t got = ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got < 0) return lose(errno_text("its connection is broken", errno));
        if (got == 0) return lose("it has closed the connection");
        switch (decoder_.filled(static_cast<std::size_t>(got))) {
            case VhostUserDecoder::State::More:
                continue;
            case VhostUserDecoder::State::Bad:
                return lose("it sent a message that is too long");
            case VhostUserDecoder::State::Complete:
                return complete();
        }
    }
}

void VhostUserChannel::complete() {
    const VhostUserMessage answer = decoder_.message();
    decoder_.clear();
    if (!waiting_) return lose("it answered what nobody asked");
    const Step step = std::move(steps_.front());
    if (!answers(answer, step.message.request())) return lose(about(step.message, "it sent no answer to"));
    const bool told = (step.message.header.flags & VhostUserHeader::kNeedReply) != 0;
    if (!step.judge(answer))
        return lose(about(step.message, told ? "it refuses" : "it sent nonsense as its answer to"));
    steps_.pop_front();
    waiting_ = false;
    patience_.cancel();
    proceed();
}

}  // namespace qvm
