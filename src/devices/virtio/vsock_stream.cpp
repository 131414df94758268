// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/vsock_stream.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace qvm {
namespace {

constexpr std::size_t kPieces = 16;

/// Up to kPieces pieces of [offset, offset + length) of the buffers.
[[nodiscard]] std::size_t cut(std::span<const iovec> buffers, std::size_t offset, std::size_t length,
                              std::array<iovec, kPieces>& out) noexcept {
    std::size_t count = 0;
    for (const iovec& buffer : buffers) {
        if (length == 0 || count == out.size()) break;
        if (offset >= buffer.iov_len) {
            offset -= buffer.iov_len;
            continue;
        }
        const std::size_t now = std::min(buffer.iov_len - offset, length);
        out.at(count++) = {static_cast<std::byte*>(buffer.iov_base) + offset, now};
        length -= now;
        offset = 0;
    }
    return count;
}

/// Bytes that the host took; nothing with errno.
[[nodiscard]] std::optional<std::uint32_t> send_to(int fd, std::span<iovec> pieces) noexcept {
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return std::nullopt;
    return static_cast<std::uint32_t>(sent);
}

[[nodiscard]] bool would_block() noexcept { return errno == EAGAIN; }

}  // namespace

void VsockStream::begin(UniqueFd fd, State state) {
    free();
    buffer_.begin();
    fd_ = std::move(fd);
    state_ = state;
}

void VsockStream::greet(UniqueFd fd) { begin(std::move(fd), State::Greeting); }

void VsockStream::request(Ports ports) noexcept {
    ports_ = ports;
    state_ = State::Requested;
    news_ = kRequest;
}

void VsockStream::accept(UniqueFd fd, const VsockHeader& request) {
    begin(std::move(fd), State::Open);
    ports_ = {request.dst_port, request.src_port};
    guest_room_ = request.buf_alloc;
    guest_took_ = request.fwd_cnt;
    news_ = kResponse;
}

void VsockStream::free() noexcept {
    fd_ = UniqueFd{};
    state_ = State::Free;
    readable_ = writable_ = hung_up_ = write_ended_ = asked_ = false;
    news_ = 0;
    guest_shut_ = host_shut_ = 0;
    sent_ = guest_room_ = guest_took_ = taken_ = told_ = 0;
}

void VsockStream::reset() noexcept {
    if (!is_known()) return free();
    fd_ = UniqueFd{};
    state_ = State::Closing;
}

void VsockStream::ready(std::uint32_t events) noexcept {
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
    // It had ended its own half before.
    if (hung_up_ && host_shut_ == vsock_shutdown::kSend) end_of_host(true);
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) == 0) return;
    writable_ = true;
    if (state_ == State::Open || state_ == State::Draining) flush();
}

bool VsockStream::receive(const VsockHeader& header, const Chain& chain) noexcept {
    if (state_ == State::Closing) return true;  // it will hear of that
    guest_room_ = header.buf_alloc;
    guest_took_ = header.fwd_cnt;
    if (credit() != 0) asked_ = false;
    switch (header.op) {
        case VsockOp::Response:
            return state_ == State::Requested && answer_host();
        case VsockOp::Rst:
            guest_is_gone();
            return true;
        case VsockOp::Shutdown:
            take_shutdown(header.flags);
            return true;
        case VsockOp::Rw:
            return state_ == State::Open && (guest_shut_ & vsock_shutdown::kSend) == 0 && receive_data(header, chain);
        case VsockOp::CreditUpdate:
            return true;
        case VsockOp::CreditRequest:
            news_ |= kCredit;
            return true;
        default:
            return false;
    }
}

/// The host takes what it can from where the guest has put it; only the rest is copied.
bool VsockStream::receive_data(const VsockHeader& header, const Chain& chain) noexcept {
    if (header.len > buffer_.room()) return false;
    std::uint32_t done = 0;
    while (buffer_.size() == 0 && done < header.len) {
        std::array<iovec, kPieces> pieces{};
        const std::size_t count = cut(chain.readable(), kVsockHeaderSize + done, header.len - done, pieces);
        const auto sent = send_to(fd_.get(), std::span{pieces}.first(count));
        if (!sent && !would_block()) {
            reset();  // the host is gone, which the guest could not know
            return true;
        }
        writable_ = sent.has_value();
        if (!sent) break;
        done += *sent;
        forwarded(*sent);
    }
    buffer_.append(chain, kVsockHeaderSize + done, header.len - done);
    return true;
}

bool VsockStream::answer_host() noexcept {
    state_ = State::Open;
    std::array<char, 32> text{};
    const auto end = fmt::format_to_n(text.data(), text.size(), "OK {}\n", ports_.host);
    std::array<iovec, 1> piece{iovec{text.data(), end.size}};
    return send_to(fd_.get(), piece) == end.size;
}

void VsockStream::forwarded(std::uint32_t bytes) noexcept {
    taken_ += bytes;
    if (taken_ - told_ >= VsockBuffer::kSize / 2) news_ |= kCredit;
}

void VsockStream::flush() noexcept {
    while (writable_ && buffer_.size() != 0) {
        auto pieces = buffer_.pieces();
        const auto sent = send_to(fd_.get(), pieces);
        if (!sent && !would_block()) return reset();
        writable_ = sent.has_value();
        if (!sent) break;
        buffer_.drop(*sent);
        forwarded(*sent);
    }
    if (buffer_.size() == 0) after_flush();
}

/// The guest's end comes behind its last byte.
void VsockStream::after_flush() noexcept {
    if (state_ == State::Draining) return free();
    if (guest_shut_ == vsock_shutdown::kBoth) return reset();
    if ((guest_shut_ & vsock_shutdown::kSend) != 0 && !std::exchange(write_ended_, true))
        ::shutdown(fd_.get(), SHUT_WR);
}

void VsockStream::take_shutdown(std::uint32_t flags) noexcept {
    guest_shut_ |= flags & vsock_shutdown::kBoth;
    if ((guest_shut_ & vsock_shutdown::kReceive) != 0) ::shutdown(fd_.get(), SHUT_RD);
    if (state_ == State::Requested) return reset();
    if (buffer_.size() == 0) after_flush();
}

void VsockStream::guest_is_gone() noexcept {
    if (state_ != State::Open || buffer_.size() == 0) return free();
    state_ = State::Draining;
    news_ = 0;
}

std::uint32_t VsockStream::credit() const noexcept {
    const std::uint32_t outstanding = sent_ - guest_took_;
    return guest_room_ - std::min(guest_room_, outstanding);
}

bool VsockStream::can_read() const noexcept {
    return state_ == State::Open && readable_ && (guest_shut_ & vsock_shutdown::kReceive) == 0 &&
           (host_shut_ & vsock_shutdown::kSend) == 0;
}

bool VsockStream::has_news() const noexcept {
    return state_ == State::Closing || news_ != 0 || (can_read() && (credit() != 0 || !asked_));
}

std::optional<VsockOp> VsockStream::next_news() noexcept {
    constexpr std::pair<News, VsockOp> kOrder[]{{kRequest, VsockOp::Request},
                                                {kResponse, VsockOp::Response},
                                                {kCredit, VsockOp::CreditUpdate},
                                                {kAskCredit, VsockOp::CreditRequest},
                                                {kShutdown, VsockOp::Shutdown}};
    for (const auto& [bit, op] : kOrder) {
        if ((news_ & bit) == 0) continue;
        news_ &= static_cast<std::uint8_t>(~bit);
        return op;
    }
    return std::nullopt;
}

std::uint32_t VsockStream::produce(const Chain& chain, std::uint64_t guest_cid) noexcept {
    constexpr auto kHeader = static_cast<std::uint32_t>(kVsockHeaderSize);
    if (state_ == State::Closing) {
        write_header(chain, guest_cid, VsockOp::Rst, 0);
        free();
        return kHeader;
    }
    if (news_ == 0 && can_read()) {
        if (const std::uint32_t length = read_data(chain)) {
            sent_ += length;
            write_header(chain, guest_cid, VsockOp::Rw, length);
            return kHeader + length;
        }
    }
    const auto op = next_news();
    if (!op) return 0;
    write_header(chain, guest_cid, *op, 0);
    return kHeader;
}

/// Behind the place of the header. 0: there is nothing, and perhaps other news of why.
std::uint32_t VsockStream::read_data(const Chain& chain) noexcept {
    const std::uint32_t most = std::min(credit(), chain.writable_size() - static_cast<std::uint32_t>(kVsockHeaderSize));
    if (most == 0) {
        if (!std::exchange(asked_, true)) news_ |= kAskCredit;
        return 0;
    }
    std::array<iovec, kPieces> pieces{};
    const std::size_t count = cut(chain.writable(), kVsockHeaderSize, most, pieces);
    const ssize_t length = ::readv(fd_.get(), pieces.data(), static_cast<int>(count));
    if (length > 0) return static_cast<std::uint32_t>(length);
    if (length < 0 && would_block())
        readable_ = false;
    else
        end_of_host(length < 0 || hung_up_);
    return 0;
}

void VsockStream::end_of_host(bool both) noexcept {
    host_shut_ = both ? vsock_shutdown::kBoth : vsock_shutdown::kSend;
    news_ |= kShutdown;
}

void VsockStream::write_header(const Chain& chain, std::uint64_t guest_cid, VsockOp op, std::uint32_t length) noexcept {
    const VsockHeader header{.src_cid = kVsockHostCid,
                             .dst_cid = guest_cid,
                             .src_port = ports_.host,
                             .dst_port = ports_.guest,
                             .len = length,
                             .op = op,
                             .flags = op == VsockOp::Shutdown ? host_shut_ : 0,
                             .buf_alloc = VsockBuffer::kSize,
                             .fwd_cnt = taken_};
    told_ = taken_;
    chain.write(0, std::as_bytes(std::span{&header, 1}).first(kVsockHeaderSize));
}

}  // namespace qvm
