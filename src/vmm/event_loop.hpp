// SPDX-License-Identifier: Apache-2.0
// One thread that waits for host file descriptors with io_uring and runs what was registered for them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace qvm {

class EventLoop;

/// A registration in an EventLoop. Destruction ends it: afterwards the callback neither runs nor will run, unless the
/// destruction happens inside that very callback, which is allowed too. Must not outlive its loop.
class Watch {
public:
    Watch() noexcept = default;
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&& other) noexcept;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

private:
    friend class EventLoop;
    Watch(EventLoop& loop, std::uint64_t id) noexcept : loop_{&loop}, id_{id} {}
    EventLoop* loop_ = nullptr;
    std::uint64_t id_ = 0;
};

class EventLoop {
public:
    /// Starts the thread `name` (at most 15 characters). Throws HostError if the kernel refuses an io_uring.
    explicit EventLoop(const std::string& name);
    struct NeverRuns {};
    /// A loop that asks nothing of the kernel and calls nobody back, for judging what would use one.
    explicit EventLoop(NeverRuns) noexcept;
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Runs `ready(revents)` on the loop's thread whenever one of `events` (poll(2) bits) holds for `fd`; it is
    /// level-triggered. POLLERR and POLLHUP are always reported. `fd` must stay open until the Watch is gone.
    /// Callable from any thread.
    [[nodiscard]] Watch watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready);

    /// Runs `work` soon on the loop's thread. Callable from any thread.
    void post(std::function<void()> work);

    [[nodiscard]] bool on_loop_thread() const noexcept;

private:
    friend class Watch;
    void remove(std::uint64_t id) noexcept;
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace qvm
