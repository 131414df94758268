// SPDX-License-Identifier: Apache-2.0
// An io_uring that one thread uses, with entries that never run out and one system call for all that there is to
// submit.
#pragma once

#include <liburing.h>

#include <bitset>
#include <deque>
#include <span>
#include <vector>

namespace qvm {

class IoRing {
public:
    /// How completions are worked out: when the one thread that submits asks for them (Linux 6.1), at any of its system
    /// calls (5.19), or by interrupting it.
    enum class Mode : unsigned { Deferred, Cooperative, Interrupting };
    /// In the first mode from `best` on that the kernel has. Throws HostError if it refuses an io_uring.
    explicit IoRing(Mode best = Mode::Deferred);
    ~IoRing() { ::io_uring_queue_exit(&ring_); }
    IoRing(const IoRing&) = delete;
    IoRing& operator=(const IoRing&) = delete;

    /// Once, before anything below, on the thread that does all of it.
    void start() noexcept;

    /// An entry to be filled by one of liburing's io_uring_prep functions. The kernel gets it by submit() or wait().
    [[nodiscard]] io_uring_sqe* next() noexcept;
    /// Has the kernel hold what `fd` refers to, so that no operation need look it up, until unfix_file(). It stays open
    /// as long, whoever closes it. Does nothing if the kernel will not have it.
    void fix_file(int fd) noexcept;
    void unfix_file(int fd) noexcept;
    /// Has the kernel hold the pages of `memory`, so that no operation need find them. It must stay as it is mapped,
    /// and counts as locked. Does nothing if the kernel will not have it, or has some already.
    void fix_memory(std::span<const iovec> memory) noexcept;
    /// Makes use of both in an entry that has been filled.
    void use_fixed(io_uring_sqe& entry) const noexcept;

    /// Whether next() was called since the last submit() or wait().
    [[nodiscard]] bool pending() const noexcept { return ::io_uring_sq_ready(&ring_) != 0; }
    /// Does not wait. What the kernel cannot take for lack of memory stays pending.
    void submit() noexcept;
    /// Submits, and waits for a completion. May return without one.
    void wait() noexcept;

    /// Whether drain() would find something, or at least try. No system call. Not on the kernel's word alone when that
    /// has just turned out to be wrong: it may say that there is more after that has been taken already, until the next
    /// event, since it says so after it has queued it. wait() sees what there is in any case.
    [[nodiscard]] bool has_news() const noexcept {
        return ::io_uring_cq_ready(&ring_) != 0 || (kernel_has_more() && !in_vain_);
    }
    /// Calls handle(data, result) for what is complete by now, a bounded number.
    template <typename Handler>
    void drain(Handler handle) {
        in_vain_ = kernel_has_more();
        if (in_vain_) ::io_uring_get_events(&ring_);
        in_vain_ = in_vain_ && ::io_uring_cq_ready(&ring_) == 0;
        for (unsigned left = ::io_uring_cq_ready(&ring_); left > 0; --left) {
            io_uring_cqe* done = nullptr;
            if (::io_uring_peek_cqe(&ring_, &done) != 0) return;
            void* const data = ::io_uring_cqe_get_data(done);
            const int result = done->res;
            ::io_uring_cqe_seen(&ring_, done);
            handle(data, result);
        }
    }

private:
    [[nodiscard]] bool kernel_has_more() const noexcept {
        return (IO_URING_READ_ONCE(*ring_.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
    }
    [[nodiscard]] int fixed_buffer(const iovec& part) const noexcept;
    void queue_overdue() noexcept;
    void wait_for_room() noexcept;

    io_uring ring_{};
    bool in_vain_ = false;              // the last drain() went to the kernel for nothing
    std::deque<io_uring_sqe> overdue_;  // filled when the ring had no room
    static constexpr unsigned kSlots = 1024;
    bool has_slots_ = false;
    std::bitset<kSlots> files_;   // by descriptor, which is the number of its slot, too
    std::vector<iovec> buffers_;  // by the kernel's index
};

}  // namespace qvm
