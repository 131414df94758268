// SPDX-License-Identifier: Apache-2.0
// One thread that waits for host file descriptors with io_uring and runs what was registered for them.
#pragma once

#include <liburing.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace qvm {

class EventFd;
class EventLoop;
class GuestMemory;
class LoopWatch;

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
    Watch(EventLoop& loop, LoopWatch& watched) noexcept : loop_{&loop}, watched_{&watched} {}
    EventLoop* loop_ = nullptr;
    LoopWatch* watched_ = nullptr;
};

/// Something that the kernel does for the owner of this object, which must stay where it is until done().
class IoOperation {
public:
    /// On the loop's thread. `result` is that of the system call that the operation stands for: negative errno values.
    virtual void done(int result) noexcept = 0;

protected:
    ~IoOperation() = default;
};

/// Somebody whose work turns up in memory, such as a queue that the guest fills. Called on the loop's thread.
class IoPoller {
public:
    /// Looks for work and does some, a bounded part of it; false if there was nothing.
    virtual bool poll() noexcept = 0;
    /// There was nothing for a while, and nobody will look any more: from now on, news must come in another way and end
    /// in EventLoop::attend(). True if something has turned up meanwhile; then poll() goes on.
    virtual bool rest() noexcept = 0;

protected:
    ~IoPoller() = default;
};

class EventLoop {
public:
    /// Starts the thread `name` (at most 15 characters). Throws HostError if the kernel refuses an io_uring.
    /// `poll_time`: how long at most it looks for new work for its pollers before it lets them rest and sleeps. It
    /// learns whether that is worth it, see PollWindow.
    explicit EventLoop(const std::string& name, std::chrono::nanoseconds poll_time = {});
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

    /// Runs `signalled()` on the loop's thread whenever the event was signalled; several signals may become one. The
    /// loop has taken the signal already, which spares the callback a system call. `event` must outlive the Watch.
    /// Callable from any thread.
    [[nodiscard]] Watch watch(const EventFd& event, std::function<void()> signalled);

    /// Runs `work` soon on the loop's thread. Callable from any thread.
    void post(std::function<void()> work);

    [[nodiscard]] bool on_loop_thread() const noexcept;

    /// Begins an operation that `fill(sqe)` describes by one of liburing's io_uring_prep functions. The kernel gets it,
    /// with all others, once the callbacks that are due have run. On the loop's thread only; each operation once until
    /// it is done. What its descriptor refers to must outlive it. All must be done before the loop is destroyed.
    template <typename Fill>
    void submit(IoOperation& operation, Fill fill) {
        io_uring_sqe* const entry = next_entry();
        fill(entry);
        use_fixed(*entry);
        ::io_uring_sqe_set_data(entry, &operation);
    }
    /// Asks the kernel to give the operation up; it is done() all the same. On the loop's thread only.
    void cancel(IoOperation& operation) noexcept;

    /// Spares the kernel looking `fd` up for every operation, until unfix_file(), which must come before it is closed.
    /// On the loop's thread only.
    void fix_file(int fd) noexcept;
    void unfix_file(int fd) noexcept;
    /// Spares the kernel finding the pages of transfers to and from guest memory that is locked, as from its start;
    /// does nothing if it is not. The memory must outlive the loop's operations. On the loop's thread only; takes the
    /// time that it takes to pin it, once.
    void fix_memory(const GuestMemory& memory);

    /// From now on polls `poller`, in turns with everything else, until it has nothing to do and may rest(). What it
    /// submits goes to the kernel at the end of each round. Does nothing if it is polled already. On the loop's thread
    /// only; ignore() must come before its destruction.
    void attend(IoPoller& poller) noexcept;
    /// Stops polling it, without rest(). On the loop's thread only.
    void ignore(IoPoller& poller) noexcept;
    [[nodiscard]] std::chrono::nanoseconds poll_time() const noexcept { return poll_time_; }

private:
    friend class Watch;
    void remove(LoopWatch& watched) noexcept;
    [[nodiscard]] io_uring_sqe* next_entry() noexcept;
    void use_fixed(io_uring_sqe& entry) const noexcept;
    class Impl;
    const std::chrono::nanoseconds poll_time_{};
    std::unique_ptr<Impl> impl_;
};

}  // namespace qvm
