// SPDX-License-Identifier: Apache-2.0
#include "vmm/event_loop.hpp"

#include <liburing.h>
#include <poll.h>
#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "vmm/error.hpp"
#include "vmm/event_fd.hpp"

namespace qvm {
namespace {

constexpr unsigned kRingEntries = 64;
// Completions carry the address of an IoOperation, which is even, or an odd number.
constexpr std::uint64_t kWakeId = 1;
constexpr std::uint64_t kFirstWatchId = 3;
constexpr std::uint64_t kIdStep = 2;
constexpr std::uint64_t kIgnoredId = UINT64_MAX;  // completions of cancellations

[[nodiscard]] constexpr bool is_operation(std::uint64_t id) noexcept { return id % 2 == 0; }

class Ring {
public:
    Ring() {
        const int failed = ::io_uring_queue_init(kRingEntries, &ring_, 0);
        if (failed < 0)
            throw HostError{
                errno_text("io_uring is not available (see kernel.io_uring_disabled and RLIMIT_MEMLOCK)", -failed)};
    }
    ~Ring() { ::io_uring_queue_exit(&ring_); }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    void poll(int fd, std::uint32_t events, std::uint64_t id) {
        io_uring_sqe* entry = next();
        ::io_uring_prep_poll_add(entry, fd, events);
        ::io_uring_sqe_set_data64(entry, id);
    }
    void cancel(std::uint64_t id) {
        io_uring_sqe* entry = next();
        ::io_uring_prep_poll_remove(entry, id);
        ::io_uring_sqe_set_data64(entry, kIgnoredId);
    }
    void cancel(const IoOperation& operation) {
        io_uring_sqe* entry = next();
        ::io_uring_prep_cancel(entry, const_cast<IoOperation*>(&operation), 0);
        ::io_uring_sqe_set_data64(entry, kIgnoredId);
    }
    void wait() { ::io_uring_submit_and_wait(&ring_, 1); }

    template <typename Handler>
    void drain(Handler handle) {
        io_uring_cqe* done = nullptr;
        while (::io_uring_peek_cqe(&ring_, &done) == 0) {
            const std::uint64_t id = ::io_uring_cqe_get_data64(done);
            const int result = done->res;
            ::io_uring_cqe_seen(&ring_, done);
            handle(id, result);
        }
    }

    io_uring_sqe* next() noexcept {
        io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
        while (entry == nullptr) {
            ::io_uring_submit(&ring_);
            entry = ::io_uring_get_sqe(&ring_);
        }
        return entry;
    }

private:
    io_uring ring_{};
};

}  // namespace

/// Only the loop's thread touches the ring and the watches; everyone else posts work to it.
class EventLoop::Impl {
public:
    explicit Impl(const std::string& name) : thread_{[this] { run(); }} {
        ::pthread_setname_np(thread_.native_handle(), name.c_str());
    }
    ~Impl() {
        post([this] { stop_ = true; });
        thread_.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void post(std::function<void()> work) {
        {
            const std::scoped_lock lock{mutex_};
            posted_.push_back(std::move(work));
        }
        wake_.signal();
    }

    std::uint64_t add(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready) {
        const std::uint64_t id = next_id_.fetch_add(kIdStep);
        auto arm = [this, id, fd, events, handler = std::move(ready)]() mutable {
            watches_.emplace(id, Entry{fd, events, std::move(handler)});
            ring_.poll(fd, events, id);
        };
        if (on_thread())
            arm();
        else
            post(std::move(arm));
        return id;
    }

    void remove(std::uint64_t id) {
        const auto forget = [this, id] {
            watches_.erase(id);
            ring_.cancel(id);
        };
        if (on_thread()) {
            forget();
            return;
        }
        std::mutex mutex;
        std::condition_variable changed;
        bool done = false;
        post([&] {
            forget();
            // Notified under the lock: the waiter's stack frame goes away as soon as it sees `done`.
            const std::scoped_lock lock{mutex};
            done = true;
            changed.notify_one();
        });
        std::unique_lock lock{mutex};
        changed.wait(lock, [&] { return done; });
    }

    [[nodiscard]] io_uring_sqe* next_entry() noexcept { return ring_.next(); }
    void cancel(const IoOperation& operation) noexcept { ring_.cancel(operation); }

    [[nodiscard]] bool on_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }

private:
    struct Entry {
        int fd;
        std::uint32_t events;
        std::function<void(std::uint32_t)> ready;
    };

    void run() {
        ring_.poll(wake_.fd(), POLLIN, kWakeId);
        while (!stop_) {
            ring_.wait();
            ring_.drain([this](std::uint64_t id, int result) { complete(id, result); });
        }
    }

    void complete(std::uint64_t id, int result) {
        if (is_operation(id)) return reinterpret_cast<IoOperation*>(id)->done(result);
        if (id == kIgnoredId) return;
        if (id == kWakeId) {
            run_posted();
            ring_.poll(wake_.fd(), POLLIN, kWakeId);
            return;
        }
        const auto found = watches_.find(id);
        if (found == watches_.end()) return;
        if (result < 0) return poll_again(id, found->second, -result);
        // The callback may remove its own watch, and with it the function that is running: run a moved copy.
        auto ready = std::move(found->second.ready);
        ready(static_cast<std::uint32_t>(result));
        const auto again = watches_.find(id);
        if (again == watches_.end()) return;
        again->second.ready = std::move(ready);
        ring_.poll(again->second.fd, again->second.events, id);
    }

    /// A poll that ended without an answer. Linux ends one of a terminal with EINVAL, and any with ECANCELED, now and
    /// then although nothing is wrong; what cannot be polled at all is told once and then left alone.
    void poll_again(std::uint64_t id, Entry& entry, int error) {
        const bool passing = error == EINVAL || error == ECANCELED || error == EAGAIN || error == EINTR;
        if (passing)
            ring_.poll(entry.fd, entry.events, id);
        else
            std::function<void(std::uint32_t)>{entry.ready}(POLLERR);  // a copy: it may remove its own watch
    }

    void run_posted() {
        wake_.drain();
        std::vector<std::function<void()>> work;
        {
            const std::scoped_lock lock{mutex_};
            work.swap(posted_);
        }
        for (auto& item : work) item();
    }

    Ring ring_;
    EventFd wake_;
    std::map<std::uint64_t, Entry> watches_;
    std::atomic<std::uint64_t> next_id_{kFirstWatchId};
    bool stop_ = false;
    std::mutex mutex_;  // guards posted_
    std::vector<std::function<void()>> posted_;
    std::thread thread_;  // last: everything above exists when it starts
};

EventLoop::EventLoop(const std::string& name) : impl_{std::make_unique<Impl>(name)} {}
EventLoop::EventLoop(NeverRuns) noexcept {}
EventLoop::~EventLoop() = default;

Watch EventLoop::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready) {
    if (!impl_) return {};
    return Watch{*this, impl_->add(fd, events, std::move(ready))};
}
void EventLoop::post(std::function<void()> work) {
    if (impl_) impl_->post(std::move(work));
}
bool EventLoop::on_loop_thread() const noexcept { return impl_ && impl_->on_thread(); }
io_uring_sqe* EventLoop::next_entry() noexcept { return impl_->next_entry(); }
void EventLoop::cancel(IoOperation& operation) noexcept { impl_->cancel(operation); }
void EventLoop::remove(std::uint64_t id) noexcept { impl_->remove(id); }

Watch::Watch(Watch&& other) noexcept : loop_{std::exchange(other.loop_, nullptr)}, id_{other.id_} {}
Watch& Watch::operator=(Watch&& other) noexcept {
    Watch old{std::move(*this)};
    loop_ = std::exchange(other.loop_, nullptr);
    id_ = other.id_;
    return *this;
}
Watch::~Watch() {
    if (loop_ != nullptr) loop_->remove(id_);
}

}  // namespace qvm
