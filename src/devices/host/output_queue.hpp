// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "devices/host/host_stream.hpp"
#include "vmm/event_fd.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/log.hpp"

namespace qvm {

/// A vdev's output on its way to the host: put by vCPUs and by the loop's thread, written by the latter.
class OutputQueue {
public:
    static constexpr std::size_t kCapacity = std::size_t{64} * 1024;
    /// How long destruction waits for a slow reader.
    static constexpr std::chrono::milliseconds kFlushTime{1000};

    /// `name` says in messages what `stream` is. Without one, nobody reads yet: see set_stream().
    OutputQueue(EventLoop& loop, Log& log, std::shared_ptr<HostStream> stream, std::string name);
    /// On the main thread. Writes out what is queued, for kFlushTime at most.
    ~OutputQueue();
    OutputQueue(const OutputQueue&) = delete;
    OutputQueue& operator=(const OutputQueue&) = delete;

    /// Runs `room` on the loop's thread when there is room again after a refusal. Set-up only.
    void on_room(std::function<void()> room) { room_ = std::move(room); }
    /// A stream that cannot be written any more is given up and `lost` runs on the loop's thread; the next one gets
    /// what is queued. Without this, all output from then on is swallowed. Set-up only.
    void on_lost(std::function<void()> lost) { lost_ = std::move(lost); }

    /// Returns how many bytes were taken; fewer than there are if the queue is full. From any thread; on the loop's
    /// thread, past the queue while that is empty.
    [[nodiscard]] std::size_t write(std::span<const std::byte> data) noexcept;
    /// All of it or nothing. On the loop's thread.
    void put_text(std::string_view text) noexcept;
    /// Who reads from now on. Null: nobody at present, and the latest kCapacity bytes are kept for the next one. On the
    /// loop's thread.
    void set_stream(std::shared_ptr<HostStream> stream);

    /// Bytes that went nowhere because the host's end had died.
    [[nodiscard]] std::uint64_t swallowed() const noexcept { return swallowed_.load(std::memory_order_relaxed); }

private:
    enum class Progress : std::uint8_t { Some, Empty, Blocked };

    [[nodiscard]] std::size_t write_through(std::span<const std::byte> data);
    [[nodiscard]] bool takes_directly() const;
    [[nodiscard]] std::size_t enqueue(std::span<const std::byte> data) noexcept;
    void append(std::span<const std::byte> data) noexcept;
    void pump();
    [[nodiscard]] Progress write_some();
    [[nodiscard]] std::span<const std::byte> chunk() const;
    void consume(std::size_t count);
    void fail(int error);
    void flush() noexcept;

    EventLoop& loop_;
    Log& log_;
    std::shared_ptr<HostStream> stream_;  // the loop's thread only; null while detached_
    std::string name_;
    std::function<void()> room_;
    std::function<void()> lost_;
    std::atomic<std::uint64_t> swallowed_{0};

    mutable std::mutex mutex_;  // guards the queue and the three flags; nobody is called with it held
    std::vector<std::byte> bytes_;
    std::size_t head_ = 0;
    std::size_t size_ = 0;
    bool refused_ = false;
    bool dead_ = false;
    bool detached_;

    EventFd wake_;
    Watch writable_;  // only while the host's end cannot take more; loop's thread
    Watch woken_;
};

}  // namespace qvm
