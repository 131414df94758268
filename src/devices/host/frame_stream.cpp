// SPDX-License-Identifier: Apache-2.0
#include "devices/host/frame_stream.hpp"

#include <endian.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "devices/virtio/net_format.hpp"

namespace qvm {
namespace {

using Length = std::uint32_t;

[[nodiscard]] std::size_t size_of(std::span<const iovec> buffers) noexcept {
    std::size_t size = 0;
    for (const iovec& buffer : buffers) size += buffer.iov_len;
    return size;
}

}  // namespace

FrameStream::FrameStream(Headers headers) : header_size_{headers == Headers::Yes ? sizeof(NetHeader) : 0} {}

void FrameStream::connect(UniqueFd fd) noexcept {
    fd_ = std::move(fd);
    broken_ = blocked_ = false;
    out_size_ = in_at_ = in_end_ = 0;
}

bool FrameStream::send(std::span<const iovec> frame) noexcept {
    if (header_size_ == 0) frame = frame.subspan(1);
    const std::size_t size = size_of(frame);
    if (!fd_ || broken_) return false;
    if (out_size_ >= kBurst && !blocked_) (void)flush();
    if (size + sizeof(Length) > kCapacity - out_size_) return false;
    const Length length = ::htobe32(static_cast<Length>(size));
    append(std::as_bytes(std::span{&length, 1}));
    for (const iovec& buffer : frame) append({static_cast<const std::byte*>(buffer.iov_base), buffer.iov_len});
    return true;
}

void FrameStream::append(std::span<const std::byte> bytes) noexcept {
    const std::size_t at = (out_at_ + out_size_) % kCapacity;
    const std::size_t first = std::min(bytes.size(), kCapacity - at);
    std::memcpy(out_.data() + at, bytes.data(), first);
    std::memcpy(out_.data(), bytes.data() + first, bytes.size() - first);
    out_size_ += bytes.size();
}

bool FrameStream::flush() noexcept {
    blocked_ = false;
    while (out_size_ > 0 && !broken_) {
        const std::size_t first = std::min(out_size_, kCapacity - out_at_);
        std::array<iovec, 2> parts{iovec{out_.data() + out_at_, first}, iovec{out_.data(), out_size_ - first}};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
            blocked_ = true;
            return false;
        }
        if (sent < 0) broken_ = true;
        out_at_ = (out_at_ + static_cast<std::size_t>(std::max<ssize_t>(sent, 0))) % kCapacity;
        out_size_ -= static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    }
    return true;
}

/// Of the frame that begins at in_at_, once all of the number is there.
std::optional<std::size_t> FrameStream::next_length() const noexcept {
    Length length = 0;
    if (in_end_ - in_at_ < sizeof length) return std::nullopt;
    std::memcpy(&length, in_.data() + in_at_, sizeof length);
    return ::be32toh(length);
}

bool FrameStream::has_frame() const noexcept {
    const auto length = next_length();
    return length && in_end_ - in_at_ - sizeof(Length) >= *length;
}

std::optional<FrameStream::Frame> FrameStream::next() noexcept {
    judge();
    if (!has_frame() && fill()) judge();
    if (!has_frame()) return std::nullopt;
    const auto frame = std::span{in_}.subspan(in_at_ + sizeof(Length), *next_length());
    in_at_ += sizeof(Length) + frame.size();
    return Frame{frame.first(header_size_), frame.subspan(header_size_)};
}

void FrameStream::judge() noexcept {
    const auto length = next_length();
    if (!length || (*length >= header_size_ && *length <= header_size_ + kMaxFrame)) return;
    broken_ = true;
    in_at_ = in_end_ = 0;
}

/// Reads what there is, at least as much as the largest frame if that much has come.
bool FrameStream::fill() noexcept {
    if (!fd_ || broken_) return false;
    if (in_at_ > 0) {
        std::memmove(in_.data(), in_.data() + in_at_, in_end_ - in_at_);
        in_end_ -= std::exchange(in_at_, 0);
    }
    const ssize_t got = ::recv(fd_.get(), in_.data() + in_end_, kCapacity - in_end_, MSG_DONTWAIT);
    if (got > 0) {
        in_end_ += static_cast<std::size_t>(got);
        return true;
    }
    const bool nothing_yet = got < 0 && (errno == EAGAIN || errno == EINTR);
    if (!nothing_yet) broken_ = true;
    return false;
}

}  // namespace qvm
