// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/console_port.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace qvm {

namespace {

/// Bytes that are moved before others have their turn.
constexpr std::size_t kTurn = std::size_t{256} * 1024;

[[nodiscard]] std::span<const std::byte> bytes_of(const iovec& piece) noexcept {
    return {static_cast<const std::byte*>(piece.iov_base), piece.iov_len};
}

}  // namespace

ConsolePort::ConsolePort(Log& log, Identity identity, std::unique_ptr<CharPort> host, Events events)
    : identity_{std::move(identity)},
      events_{std::move(events)},
      lost_{log,
            fmt::format("{}: output lost; the host's end does not keep up (see tx-backpressure)", identity_.label)},
      senseless_{log, fmt::format("{}: the guest uses a buffer the wrong way round or an empty one", identity_.label)},
      host_{std::move(host)} {}

void ConsolePort::attach() { host_->attach(*this); }

void ConsolePort::start(EventLoop& loop, const GuestMemory& memory, QueueEnd& receive, QueueEnd& transmit) {
    // Once it has been kicked, there may be buffers for what the host's end holds back.
    if (receive.enabled()) receive_.emplace(loop, memory, receive, [this] { host_->resume_input(); });
    if (transmit.enabled()) transmit_.emplace(loop, memory, transmit, [this] { this->transmit(); });
}

void ConsolePort::stop() noexcept {
    sending_ = Chain{};
    full_ = false;
    open_ = false;
    receive_.reset();
    transmit_.reset();
}

void ConsolePort::set_open(bool open) noexcept {
    open_ = open;
    if (!open) return;
    host_->use();
    host_->resume_input();
}

void ConsolePort::emergency_write(std::byte value) noexcept {
    host_->use();
    if (!host_->put(value)) lost_.count();
}

std::size_t ConsolePort::receive(std::span<const std::byte> data) noexcept {
    if (!receive_ || !open_) return 0;
    std::size_t taken = 0;
    unsigned turns = receive_->size();
    for (; taken < data.size() && turns != 0; --turns) {
        std::optional<Chain> chain = receive_->pop();
        if (!chain) break;
        const std::size_t written = chain->write(0, data.subspan(taken));
        if (written == 0) senseless_.count();
        taken += written;
        receive_->push(std::move(*chain), written);
    }
    receive_->notify();
    if (turns == 0) receive_->again();
    check(*receive_);
    return taken;
}

void ConsolePort::writable() noexcept {
    if (!std::exchange(full_, false)) return;
    transmit();
}

void ConsolePort::connected(bool somebody) noexcept {
    connected_ = somebody;
    events_.connection();
}

void ConsolePort::resized(TerminalSize size) noexcept {
    size_.store(std::bit_cast<std::uint32_t>(size), std::memory_order_relaxed);
    events_.size();
}

void ConsolePort::transmit() noexcept {
    if (!transmit_ || full_) return;
    std::size_t left = kTurn;
    unsigned turns = transmit_->size();
    while (left != 0 && turns != 0 && take_next()) {
        left -= send(left);
        if (full_) break;
        if (sent_ != sending_.readable_size()) continue;
        finish();
        --turns;
    }
    transmit_->notify();
    if (left == 0 || turns == 0) transmit_->again();
    check(*transmit_);
}

/// Whether there is a chain to send, in part perhaps.
bool ConsolePort::take_next() noexcept {
    if (sending_) return true;
    std::optional<Chain> chain = transmit_->pop();
    if (!chain) return false;
    if (chain->readable_size() == 0) senseless_.count();
    sending_ = std::move(*chain);
    sent_ = 0;
    return true;
}

/// Gives the host's end of what is left of the chain what it takes. Returns how many bytes that were.
std::size_t ConsolePort::send(std::size_t most) noexcept {
    std::size_t skip = sent_;
    std::size_t count = 0;
    for (const iovec& piece : sending_.readable()) {
        std::span<const std::byte> bytes = bytes_of(piece);
        const std::size_t before = std::min(skip, bytes.size());
        skip -= before;
        bytes = bytes.subspan(before);
        bytes = bytes.first(std::min(bytes.size(), most - count));
        if (bytes.empty()) continue;
        const std::size_t taken = host_->write(bytes);
        count += taken;
        if (taken == bytes.size()) continue;
        full_ = identity_.backpressure;
        if (!full_) {
            lost_.count();
            sent_ = sending_.readable_size();
            return count;
        }
        break;
    }
    sent_ += count;
    return count;
}

void ConsolePort::finish() noexcept {
    transmit_->push(std::move(sending_), 0);
    sending_ = Chain{};
}

void ConsolePort::check(const ServedQueue& queue) noexcept {
    if (queue.broken()) events_.broken(queue.fault());
}

}  // namespace qvm
