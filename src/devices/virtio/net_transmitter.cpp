// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "devices/virtio/net_offloads.hpp"
#include "devices/virtio/net_queues.hpp"

namespace qvm {

NetTransmitter::NetTransmitter(const NetContext& context, QueueEnd& end, unsigned pair)
    : context_{context}, end_{end}, pair_{pair}, queue_{context.memory, end.setup()} {
    kicked_ = context_.loop.watch(end_.kick(), [this] { begin(); });
    begin();  // the driver may have filled the queue before
}

void NetTransmitter::begin() noexcept {
    if (reported_) return;
    queue_.disable_notifications();
    context_.loop.attend(*this);
}

bool NetTransmitter::poll() noexcept {
    unsigned frames = 0;
    for (; frames < kFramesPerTurn; ++frames) {
        auto chain = queue_.pop();
        if (!chain) break;
        send(*chain);
        queue_.push(std::move(*chain), 0);
    }
    if (frames > 0) context_.backend.flush();
    if (queue_.interrupt_wanted()) end_.interrupt();
    return frames > 0;
}

bool NetTransmitter::rest() noexcept {
    if (queue_.broken() && !std::exchange(reported_, true)) context_.transport.needs_reset(queue_.fault());
    if (!queue_.enable_notifications()) return false;
    queue_.disable_notifications();
    return true;
}

void NetTransmitter::send(const Chain& chain) noexcept {
    using Sent = NetBackend::Sent;
    NetCounters& counters = context_.counters;
    if (!gather(chain)) return counters.bad_frame.count();
    switch (context_.backend.send(pair_, std::span{frame_}.first(count_))) {
        case Sent::Yes:
            ++counters.sent;
            return;
        case Sent::Lost:
            ++counters.unsent;
            return;
        case Sent::Refused:
            return counters.bad_frame.count();
    }
}

/// The header as a copy that has been judged, and the rest where the guest has it.
bool NetTransmitter::gather(const Chain& chain) noexcept {
    std::size_t skip = context_.header_size();
    const std::size_t size = chain.readable_size();
    if (size < skip + kMinFrame || size > skip + kMaxFrame) return false;
    chain.read(0, std::as_writable_bytes(std::span{&header_, 1}).first(skip));
    if (!allow_from_guest(header_, context_.features)) return false;
    frame_[0] = {&header_, sizeof header_};
    count_ = 1;
    for (const iovec& buffer : chain.readable()) {
        if (skip >= buffer.iov_len) {
            skip -= buffer.iov_len;
            continue;
        }
        if (count_ > kMaxBuffers) return false;
        frame_[count_++] = {static_cast<std::byte*>(buffer.iov_base) + skip, buffer.iov_len - skip};
        skip = 0;
    }
    return true;
}

}  // namespace qvm
