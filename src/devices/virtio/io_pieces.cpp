// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/io_pieces.hpp"

#include <algorithm>
#include <climits>

namespace qvm {
namespace {

/// How many whole buffers from the start have at most `bytes`, which becomes what is missing from it.
std::size_t whole_buffers(std::span<const iovec> buffers, std::size_t& bytes) noexcept {
    std::size_t count = 0;
    while (count < buffers.size() && buffers[count].iov_len <= bytes) bytes -= buffers[count++].iov_len;
    return count;
}

}  // namespace

void IoPieces::set(std::span<const iovec> buffers, std::size_t offset, std::size_t size) {
    left_ = size;
    view_ = buffers.subspan(whole_buffers(buffers, offset));
    owned_ = false;
    std::size_t last = offset + size;
    const std::size_t whole = whole_buffers(view_, last);
    view_ = view_.first(whole + (last != 0 ? 1 : 0));
    if (last != 0) own().back().iov_len = last;
    if (offset != 0) skip(offset);
}

void IoPieces::advance(std::size_t bytes) {
    left_ -= bytes;
    view_ = view_.subspan(whole_buffers(view_, bytes));
    if (bytes != 0) skip(bytes);
}

/// Leaves out a part of the first buffer.
void IoPieces::skip(std::size_t bytes) {
    iovec& first = own().front();
    first.iov_base = static_cast<std::byte*>(first.iov_base) + bytes;
    first.iov_len -= bytes;
}

/// What is left, to be changed.
std::span<iovec> IoPieces::own() {
    if (!owned_) {
        own_.assign(view_.begin(), view_.end());
        view_ = own_;
        owned_ = true;
    }
    const auto at = static_cast<std::size_t>(view_.data() - own_.data());
    return std::span{own_}.subspan(at, view_.size());
}

std::span<const iovec> IoPieces::next() const noexcept {
    return view_.first(std::min<std::size_t>(view_.size(), IOV_MAX));
}

}  // namespace qvm
