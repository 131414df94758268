// SPDX-License-Identifier: Apache-2.0
#include "devices/host/output_queue.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "devices/host/run_on_loop.hpp"
#include "vmm/error.hpp"

namespace qvm {

OutputQueue::OutputQueue(EventLoop& loop, Log& log, std::shared_ptr<HostStream> stream, std::string name, bool detached)
    : loop_{loop},
      log_{log},
      stream_{std::move(stream)},
      name_{std::move(name)},
      bytes_(kCapacity),
      detached_{detached},
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

bool OutputQueue::put(std::byte value) noexcept {
    bool first = false;
    {
        const std::lock_guard lock{mutex_};
        if (dead_) {
            swallowed_.fetch_add(1, std::memory_order_relaxed);
            return true;
        }
        if (size_ == kCapacity && !detached_) {
            refused_ = true;
            return false;
        }
        if (size_ == kCapacity) {
            head_ = (head_ + 1) % kCapacity;
            --size_;
        }
        first = size_ == 0;
        bytes_[(head_ + size_++) % kCapacity] = value;
    }
    // With something queued before, the loop is on its way or waits for the host's end.
    if (first) wake_.signal();
    return true;
}

void OutputQueue::put_text(std::string_view text) noexcept {
    const std::lock_guard lock{mutex_};
    if (dead_ || text.size() > kCapacity - size_) return;
    for (const char c : text) bytes_[(head_ + size_++) % kCapacity] = static_cast<std::byte>(c);
    wake_.signal();
}

void OutputQueue::set_detached(bool detached) {
    {
        const std::lock_guard lock{mutex_};
        detached_ = detached;
    }
    writable_ = Watch{};
    if (!detached) pump();
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
        tell = refused_ && size_ <= kCapacity / 2;
        if (tell) refused_ = false;
    }
    if (tell && room_) room_();
}

OutputQueue::Progress OutputQueue::write_some() {
    // The bytes stay where they are while they are written: only this thread consumes, and put() drops old bytes only
    // while detached, when there is no chunk.
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
