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

/// A vdev's output on its way to the host: put by vCPUs, written by the loop's thread.
class OutputQueue {
public:
    static constexpr std::size_t kCapacity = std::size_t{64} * 1024;
    /// How long destruction waits for a slow reader.
    static constexpr std::chrono::milliseconds kFlushTime{1000};

    /// `name` says in messages what `stream` is. With `detached`, there is no reader yet.
    OutputQueue(EventLoop& loop, Log& log, std::shared_ptr<HostStream> stream, std::string name, bool detached);
    /// On the main thread. Writes out what is queued, for kFlushTime at most.
    ~OutputQueue();
    OutputQueue(const OutputQueue&) = delete;
    OutputQueue& operator=(const OutputQueue&) = delete;

    /// Runs `room` on the loop's thread when there is room again after a refusal. Set-up only.
    void on_room(std::function<void()> room) { room_ = std::move(room); }

    /// False if the queue is full. From any thread.
    [[nodiscard]] bool put(std::byte value) noexcept;
    /// All of it or nothing. On the loop's thread.
    void put_text(std::string_view text) noexcept;
    /// Nobody reads at present: the latest kCapacity bytes are kept for the next reader. On the loop's thread.
    void set_detached(bool detached);

    /// Bytes that went nowhere because the host's end had died.
    [[nodiscard]] std::uint64_t swallowed() const noexcept { return swallowed_.load(std::memory_order_relaxed); }

private:
    enum class Progress : std::uint8_t { Some, Empty, Blocked };

    void pump();
    [[nodiscard]] Progress write_some();
    [[nodiscard]] std::span<const std::byte> chunk() const;
    void consume(std::size_t count);
    void fail(int error);
    void flush() noexcept;

    EventLoop& loop_;
    Log& log_;
    std::shared_ptr<HostStream> stream_;
    std::string name_;
    std::function<void()> room_;
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
