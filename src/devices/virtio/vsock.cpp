// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/vsock.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace qvm {
namespace {

constexpr std::array<std::uint16_t, 3> kQueueSizes{256, 256, 8};

// Per wake-up, so that the other devices of the thread have their turn.
constexpr unsigned kPacketsPerTurn = 64;
constexpr std::uint64_t kBytesPerTurn = 256 * kKiB;

}  // namespace

std::span<const std::uint16_t> VsockDevice::queue_sizes() const noexcept { return kQueueSizes; }

void VsockDevice::read_config(std::size_t offset, std::span<std::byte> data) noexcept {
    const auto bytes = std::as_bytes(std::span{&guest_cid_, 1});
    if (offset > bytes.size() || data.size() > bytes.size() - offset) return;
    std::ranges::copy(bytes.subspan(offset, data.size()), data.begin());
}

UnixVsock::UnixVsock(VdevContext& context, const std::string& name, std::uint64_t guest_cid, std::string path)
    : VsockDevice{guest_cid},
      memory_{context.memory()},
      loop_{context.loop()},
      hub_{context.loop(), context.log(), name, guest_cid, std::move(path)} {}

void UnixVsock::start(std::uint64_t /*features*/, std::span<QueueEnd* const> queues) noexcept {
    if (queues[kReceive]->enabled()) rx_.emplace(loop_, memory_, *queues[kReceive], [this] { receive(); });
    if (queues[kTransmit]->enabled()) tx_.emplace(loop_, memory_, *queues[kTransmit], [this] { transmit(); });
    if (rx_ && tx_) hub_.start([this] { receive(); });
}

void UnixVsock::stop(std::function<void()> stopped) noexcept {
    hub_.stop();
    buffer_.reset();
    rx_.reset();
    tx_.reset();
    held_back_ = false;
    stopped();
}

/// What the guest sends.
void UnixVsock::transmit() noexcept {
    unsigned packets = 0;
    std::uint64_t bytes = 0;
    while (packets < kPacketsPerTurn && bytes < kBytesPerTurn) {
        held_back_ = !hub_.can_receive();
        if (held_back_) break;
        auto chain = tx_->pop();
        if (!chain) break;
        ++packets;
        bytes += chain->readable_size();
        hub_.receive(*chain);
        tx_->push(std::move(*chain), 0);
    }
    if (packets == kPacketsPerTurn || bytes >= kBytesPerTurn) tx_->again();
    finish_turn(*tx_);
    if (hub_.has_news()) receive();
}

/// What the guest receives.
void UnixVsock::receive() noexcept {
    if (!rx_) return;
    unsigned packets = 0;
    std::uint64_t bytes = 0;
    while (packets < kPacketsPerTurn && bytes < kBytesPerTurn && hub_.has_news() && next_buffer()) {
        const std::uint32_t size = hub_.produce(*buffer_);
        if (size == 0) break;
        ++packets;
        bytes += size;
        rx_->push(std::move(*std::exchange(buffer_, {})), size);
    }
    if (packets == kPacketsPerTurn || bytes >= kBytesPerTurn) rx_->again();
    finish_turn(*rx_);
    if (held_back_ && hub_.can_receive() && tx_) tx_->again();
}

/// One that a packet with data fits into.
bool UnixVsock::next_buffer() noexcept {
    for (unsigned tries = 0; !buffer_ && tries < kPacketsPerTurn; ++tries) {
        buffer_ = rx_->pop();
        if (!buffer_) return false;
        if (buffer_->writable_size() > kVsockHeaderSize) return true;
        hub_.counters().bad_buffer.count();
        rx_->push(std::move(*std::exchange(buffer_, {})), 0);
    }
    if (!buffer_) rx_->again();
    return buffer_.has_value();
}

void UnixVsock::finish_turn(ServedQueue& queue) noexcept {
    queue.notify();
    if (queue.broken()) transport().needs_reset(queue.fault());
}

}  // namespace qvm
