// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>

#include "devices/virtio/chain_slot.hpp"
#include "devices/virtio/virtqueue.hpp"

namespace qvm {

namespace {

/// Calls `copy(host address, bytes done, bytes now)` for the pieces of [offset, offset + length) of the buffers.
template <typename Copy>
std::size_t for_pieces(std::span<const iovec> buffers, std::size_t offset, std::size_t length, Copy copy) noexcept {
    std::size_t done = 0;
    for (const iovec& buffer : buffers) {
        if (done == length) break;
        if (offset >= buffer.iov_len) {
            offset -= buffer.iov_len;
            continue;
        }
        const std::size_t now = std::min(buffer.iov_len - offset, length - done);
        copy(static_cast<std::byte*>(buffer.iov_base) + offset, done, now);
        done += now;
        offset = 0;
    }
    return done;
}

}  // namespace

ChainSlot& SlotPool::take() {
    if (free_.empty()) {
        ChainSlot& fresh = slots_.emplace_back();
        if (free_.capacity() < slots_.size()) free_.reserve(2 * slots_.size());
        return fresh;
    }
    ChainSlot& slot = *free_.back();
    free_.pop_back();
    return slot;
}

Chain::Chain(Chain&& other) noexcept : slot_{std::exchange(other.slot_, nullptr)} {}

Chain& Chain::operator=(Chain&& other) noexcept {
    slot_ = std::exchange(other.slot_, nullptr);
    return *this;
}

Chain::operator bool() const noexcept { return slot_ != nullptr; }

std::span<const iovec> Chain::readable() const noexcept {
    if (slot_ == nullptr) return {};
    return std::span{slot_->buffers}.first(slot_->readable);
}

std::span<const iovec> Chain::writable() const noexcept {
    if (slot_ == nullptr) return {};
    return std::span{slot_->buffers}.subspan(slot_->readable);
}

std::uint32_t Chain::readable_size() const noexcept {
    return slot_ == nullptr ? 0 : static_cast<std::uint32_t>(slot_->readable_size);
}

std::uint32_t Chain::writable_size() const noexcept {
    return slot_ == nullptr ? 0 : static_cast<std::uint32_t>(slot_->writable_size);
}

std::size_t Chain::read(std::size_t offset, std::span<std::byte> out) const noexcept {
    return for_pieces(readable(), offset, out.size(), [out](const std::byte* from, std::size_t done, std::size_t now) {
        std::memcpy(out.data() + done, from, now);
    });
}

std::size_t Chain::write(std::size_t offset, std::span<const std::byte> in) const noexcept {
    return for_pieces(writable(), offset, in.size(), [in](std::byte* to, std::size_t done, std::size_t now) {
        std::memcpy(to, in.data() + done, now);
    });
}

}  // namespace qvm
