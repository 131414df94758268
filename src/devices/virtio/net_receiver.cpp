// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "devices/virtio/net_queues.hpp"

namespace qvm {

NetReceiver::NetReceiver(const NetContext& context, QueueEnd& end, unsigned pair)
    : context_{context}, end_{end}, pair_{pair}, queue_{context.memory, end.setup()}, overflow_(kMaxFrame) {
    kicked_ = context_.loop.watch(end_.kick(), [this] { begin(); });
    begin();
}

void NetReceiver::begin() noexcept {
    if (reported_) return;
    queue_.disable_notifications();
    context_.loop.attend(*this);
}

/// One turn. It leaves the loop's pollers by itself: it is either the host's end or the guest that has more.
bool NetReceiver::poll() noexcept {
    for (unsigned frames = 0; frames < kFramesPerTurn; ++frames) {
        const Step step = receive();
        if (step == Step::Done) continue;
        notify();
        if (step == Step::NoBuffer && queue_.enable_notifications()) {
            queue_.disable_notifications();
            continue;
        }
        if (step == Step::NoFrame) context_.backend.wait(pair_);
        if (queue_.broken() && !std::exchange(reported_, true)) context_.transport.needs_reset(queue_.fault());
        context_.loop.ignore(*this);
        return frames > 0;
    }
    notify();
    return true;
}

void NetReceiver::notify() noexcept {
    if (queue_.interrupt_wanted()) end_.interrupt();
}

NetReceiver::Step NetReceiver::receive() noexcept {
    if (frame_ != 0) return place_frame();
    stage();
    if (staged_count_ == 0) return Step::NoBuffer;
    gather();
    const auto size = context_.backend.receive(pair_, std::span{into_}.first(into_count_));
    return size ? accept(*size) : Step::NoFrame;
}

/// As many chains as frames have needed lately, at least one.
void NetReceiver::stage() noexcept {
    for (std::size_t tries = 0; tries < kMaxStaged && staged_count_ < kMaxStaged; ++tries) {
        const bool enough = context_.merges() ? room() >= wanted_ : true;
        if (staged_count_ > 0 && enough) return;
        if (!take_chain()) return;
    }
}

/// False if the guest has none. One that is of no use goes back at once, and that counts as taken, too.
bool NetReceiver::take_chain() noexcept {
    auto chain = queue_.pop();
    if (!chain) return false;
    if (chain->writable_size() < context_.header_size() || chain->writable().size() > kMaxBuffers) {
        context_.counters.bad_buffer.count();
        queue_.push(std::move(*chain), 0);
        return true;
    }
    staged_bytes_ += chain->writable_size();
    staged_[staged_count_++] = std::move(*chain);
    return true;
}

/// Bytes of a frame that fit into the staged chains: the header is in the first one only.
std::size_t NetReceiver::room() const noexcept {
    return staged_count_ == 0 ? 0 : staged_bytes_ - context_.header_size();
}

/// Where the next frame goes: into as many chains as there are places in the list, and the rest into overflow_.
void NetReceiver::gather() noexcept {
    into_[0] = {&header_, sizeof header_};
    into_count_ = 1;
    direct_room_ = 0;
    std::size_t skip = context_.header_size();
    for (direct_chains_ = 0; direct_chains_ < staged_count_; ++direct_chains_) {
        const auto buffers = staged_[direct_chains_].writable();
        if (into_count_ + buffers.size() > kMaxBuffers + 1) break;
        for (const iovec& buffer : buffers) {
            const std::size_t skipped = std::min(skip, buffer.iov_len);
            skip -= skipped;
            if (skipped == buffer.iov_len) continue;
            into_[into_count_++] = {static_cast<std::byte*>(buffer.iov_base) + skipped, buffer.iov_len - skipped};
            direct_room_ += buffer.iov_len - skipped;
        }
    }
    into_[into_count_++] = {overflow_.data(), overflow_.size()};
}

/// `size`: of the frame that was received, with its header.
NetReceiver::Step NetReceiver::accept(std::size_t size) noexcept {
    if (size < sizeof(NetHeader) + kMinFrame || size > sizeof(NetHeader) + kMaxFrame) return drop_frame();
    frame_ = size - sizeof(NetHeader);
    wanted_ = std::max(frame_, wanted_ - wanted_ / 8);
    return place_frame();
}

NetReceiver::Step NetReceiver::drop_frame() noexcept {
    frame_ = 0;
    ++context_.counters.unreceived;
    return Step::Done;
}

NetReceiver::Step NetReceiver::place_frame() noexcept {
    if (!make_room()) {
        const bool guest_has_more = queue_.in_flight() < end_.setup().size && staged_count_ < kMaxStaged;
        return context_.merges() && guest_has_more ? Step::NoBuffer : drop_frame();
    }
    give_frame();
    frame_ = 0;
    ++context_.counters.received;
    return Step::Done;
}

bool NetReceiver::make_room() noexcept {
    if (!context_.merges()) return room() >= frame_;
    for (std::size_t tries = 0; room() < frame_; ++tries)
        if (tries == kMaxStaged || staged_count_ == kMaxStaged || !take_chain()) return false;
    return true;
}

/// The chains of one frame become visible at once: drivers do not wait for the rest of a frame.
void NetReceiver::give_frame() noexcept {
    std::size_t used = 0;
    for (std::size_t bytes = 0; bytes < frame_ + context_.header_size();) bytes += staged_[used++].writable_size();
    header_.num_buffers = static_cast<std::uint16_t>(used);
    staged_[0].write(0, std::as_bytes(std::span{&header_, 1}).first(context_.header_size()));
    std::size_t left = frame_ + context_.header_size();
    for (std::size_t index = 0; index < used; ++index) give_chain(index, left, index + 1 == used);
    std::move(staged_.begin() + static_cast<std::ptrdiff_t>(used),
              staged_.begin() + static_cast<std::ptrdiff_t>(staged_count_), staged_.begin());
    staged_count_ -= used;
}

/// `left`: bytes of header and frame that are not in earlier chains.
void NetReceiver::give_chain(std::size_t index, std::size_t& left, bool last) noexcept {
    Chain& chain = staged_[index];
    const std::size_t size = std::min<std::size_t>(left, chain.writable_size());
    staged_bytes_ -= chain.writable_size();
    if (index >= direct_chains_) {
        chain.write(0, std::span{overflow_}.subspan(frame_ - left - direct_room_, size));
    }
    left -= size;
    if (last)
        queue_.push(std::move(chain), static_cast<std::uint32_t>(size));
    else
        queue_.hold(std::move(chain), static_cast<std::uint32_t>(size));
}

}  // namespace qvm
