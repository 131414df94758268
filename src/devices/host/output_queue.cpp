// SPDX-License-Identifier: Apache-2.0
#include "devices/host/output_queue.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "devices/host/run_on_loop.hpp"
#include "vmm/error.hpp"

namespace qvm {

OutputQueue::OutputQueue(EventLoop& loop, Log& log, std::shared_ptr<HostStream> stream, std::string name)
    : loop_{loop},
      log_{log},
      stream_{std::move(stream)},
      name_{std::move(name)},
      bytes_(kCapacity),
      detached_{stream_ == nullptr},
      woken_{loop.watch(wake_.fd(), POLLIN, [this](std::uint32_t) {
          wake_.drain();
          pump();
      })} {}

OutputQueue::~OutputQueue() {
    run_on_loop(loop_, [this] {
        woken_ = Watch{};
        writable_ = Watch{};
    });
    flush();
    if (swallowed() != 0) log_.info(fmt::format("{}: {} bytes of output were lost", name_, swallowed()));
}

std::size_t OutputQueue::write(std::span<const std::byte> data) noexcept {
    std::size_t taken = 0;
    if (loop_.on_loop_thread()) taken = write_through(data);
    return taken + enqueue(data.subspan(taken));
}

/// Spares the copy, and what fits nowhere but in the host's end is not refused.
std::size_t OutputQueue::write_through(std::span<const std::byte> data) {
    std::size_t taken = 0;
    while (taken < data.size() && takes_directly()) {
        const std::ptrdiff_t written = stream_->write(data.subspan(taken));
        if (written > 0) {
            taken += static_cast<std::size_t>(written);
            continue;
        }
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno != EAGAIN) fail(errno);
        break;
    }
    return taken;
}

bool OutputQueue::takes_directly() const {
    const std::lock_guard lock{mutex_};
    return size_ == 0 && !dead_ && !detached_;
}

std::size_t OutputQueue::enqueue(std::span<const std::byte> data) noexcept {
    if (data.empty()) return 0;
    std::size_t taken = data.size();
    bool first = false;
    {
        const std::lock_guard lock{mutex_};
        if (dead_) {
            swallowed_.fetch_add(data.size(), std::memory_order_relaxed);
            return data.size();
        }
        if (!detached_) {
            taken = std::min(taken, kCapacity - size_);
            refused_ = refused_ || taken < data.size();
        }
        first = size_ == 0;
        append(data.first(taken));
    }
    // With something queued before, the loop is on its way or waits for the host's end.
    if (first) wake_.signal();
    return taken;
}

/// What does not fit takes the place of the oldest bytes.
void OutputQueue::append(std::span<const std::byte> data) noexcept {
    if (data.size() > kCapacity) data = data.last(kCapacity);
    const std::size_t room = kCapacity - size_;
    if (data.size() > room) {
        head_ = (head_ + data.size() - room) % kCapacity;
        size_ -= data.size() - room;
    }
    const std::size_t tail = (head_ + size_) % kCapacity;
    const std::size_t straight = std::min(data.size(), kCapacity - tail);
    std::copy_n(data.begin(), straight, bytes_.begin() + static_cast<std::ptrdiff_t>(tail));
    std::copy(data.begin() + static_cast<std::ptrdiff_t>(straight), data.end(), bytes_.begin());
    size_ += data.size();
}

void OutputQueue::put_text(std::string_view text) noexcept {
    const std::lock_guard lock{mutex_};
    if (dead_ || text.size() > kCapacity - size_) return;
    append(std::as_bytes(std::span{text}));
    wake_.signal();
}

void OutputQueue::set_stream(std::shared_ptr<HostStream> stream) {
    writable_ = Watch{};
    stream_ = std::move(stream);
    {
        const std::lock_guard lock{mutex_};
        detached_ = stream_ == nullptr;
    }
    pump();
}

void OutputQueue::pump() {
    Progress progress = Progress::Some;
    while (progress == Progress::Some) progress = write_some();
    if (progress == Progress::Empty) {
        writable_ = Watch{};
    } else {
        writable_ = loop_.watch(stream_->fd(), POLLOUT, [this](std::uint32_t) { pump(); });
    }
    bool tell = false;
    {
        const std::lock_guard lock{mutex_};
        tell = refused_ && (size_ <= kCapacity / 2 || detached_);
        if (tell) refused_ = false;
    }
    if (tell && room_) room_();
}

OutputQueue::Progress OutputQueue::write_some() {
    // The bytes stay where they are while they are written: only this thread consumes, and old bytes are dropped only
    // while nobody reads, when there is no chunk.
    const std::span<const std::byte> data = chunk();
    if (data.empty()) return Progress::Empty;
    const std::ptrdiff_t written = stream_->write(data);
    if (written >= 0) {
        consume(static_cast<std::size_t>(written));
        return Progress::Some;
    }
    if (errno == EINTR) return Progress::Some;
    if (errno == EAGAIN) return Progress::Blocked;
    fail(errno);
    return Progress::Empty;
}

/// What lies in one piece from the oldest byte on.
std::span<const std::byte> OutputQueue::chunk() const {
    const std::lock_guard lock{mutex_};
    if (detached_) return {};
    return std::span{bytes_}.subspan(head_, std::min(size_, kCapacity - head_));
}

void OutputQueue::consume(std::size_t count) {
    const std::lock_guard lock{mutex_};
    head_ = (head_ + count) % kCapacity;
    size_ -= count;
}

void OutputQueue::fail(int error) {
    const std::string reason = errno_text(name_ + ": cannot write", error);
    if (lost_) {
        log_.info(reason);
        {
            const std::lock_guard lock{mutex_};
            detached_ = true;
        }
        // Not at once: the caller may be in the middle of something with the stream.
        loop_.post(lost_);
        return;
    }
    log_.error(errno_text(fmt::format("{}: cannot write, so output is lost from here on", name_), error));
    const std::lock_guard lock{mutex_};
    dead_ = true;
    swallowed_.fetch_add(size_, std::memory_order_relaxed);
    size_ = 0;
}

/// The watches are gone, so this thread is the only consumer now.
void OutputQueue::flush() noexcept {
    const auto deadline = std::chrono::steady_clock::now() + kFlushTime;
    for (;;) {
        const Progress progress = write_some();
        if (progress == Progress::Empty) return;
        if (progress == Progress::Some) continue;
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) break;
        pollfd item{.fd = stream_->fd(), .events = POLLOUT, .revents = 0};
        ::poll(&item, 1, static_cast<int>(left.count()));
    }
    swallowed_.fetch_add(size_, std::memory_order_relaxed);
    log_.warn(fmt::format("{}: does not take the last {} bytes of output", name_, size_));
}

}  // namespace qvm
