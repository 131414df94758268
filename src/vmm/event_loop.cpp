// SPDX-License-Identifier: Apache-2.0
#include "vmm/event_loop.hpp"

#include <pthread.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "vmm/event_fd.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/io_ring.hpp"
#include "vmm/loop_pollers.hpp"
#include "vmm/loop_watch.hpp"

namespace qvm {

/// Only the loop's thread touches the ring, the watches and the pollers; everyone else posts work to it.
class EventLoop::Impl final : public LoopWatch::Home {
public:
    Impl(const std::string& name, std::chrono::nanoseconds poll_time)
        : woken_{*this, wake_, [this] { run_posted(); }}, pollers_{poll_time}, thread_{[this] { run(); }} {
        ::pthread_setname_np(thread_.native_handle(), name.c_str());
    }
    ~Impl() {
        post([this] { stop(); });
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

    template <typename... What>
    LoopWatch& add(What&&... what) {
        auto watch = std::make_unique<LoopWatch>(*this, std::forward<What>(what)...);
        LoopWatch& added = *watch;
        run_or_post([this, watched = watch.release()] {
            watches_.emplace(watched, watched);
            watched->arm();
        });
        return added;
    }

    void remove(LoopWatch& watched) {
        if (on_thread()) return watched.end();
        std::promise<void> ended;
        auto end = ended.get_future();
        post([&] {
            watched.end();
            ended.set_value();
        });
        end.get();
    }

    [[nodiscard]] io_uring_sqe* next_entry() noexcept override { return ring_.next(); }
    void cancel(const IoOperation& operation) noexcept override {
        io_uring_sqe* entry = ring_.next();
        ::io_uring_prep_cancel(entry, const_cast<IoOperation*>(&operation), 0);
        ::io_uring_sqe_set_data(entry, nullptr);
    }
    [[nodiscard]] IoRing& ring() noexcept { return ring_; }
    void forget(LoopWatch& watch) noexcept override { watches_.erase(&watch); }

    [[nodiscard]] LoopPollers& pollers() noexcept { return pollers_; }

    [[nodiscard]] bool on_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }

private:
    void run() {
        ring_.start();
        woken_.arm();
        do work();
        while (!is_over());
    }

    /// Takes what has come, and says whether that was the last. What is still being cancelled when the loop is stopped
    /// would otherwise complete into memory that is gone.
    [[nodiscard]] bool is_over() {
        ring_.drain([](void* data, int result) {
            if (data != nullptr) static_cast<IoOperation*>(data)->done(result);
        });
        return stopped_ && watches_.empty();
    }

    /// A round with the pollers. Only if they have nothing to do is the thread to sleep.
    void work() noexcept {
        if (pollers_.poll() || (ring_.pending() && !pollers_.empty())) return ring_.submit();
        if (ring_.has_news()) return pollers_.found_work();
        if (pollers_.may_rest()) ring_.wait();
    }

    void stop() {
        stopped_ = true;
        woken_.end();
        std::vector<LoopWatch*> left;
        for (const auto& [watch, owned] : watches_) left.push_back(watch);
        for (LoopWatch* watch : left) watch->end();
    }

    template <typename Work>
    void run_or_post(Work work) {
        if (on_thread()) return work();
        post(std::move(work));
    }

    void run_posted() {
        std::vector<std::function<void()>> work;
        {
            const std::scoped_lock lock{mutex_};
            work.swap(posted_);
        }
        for (auto& item : work) item();
    }

    IoRing ring_;
    EventFd wake_;
    LoopWatch woken_;
    std::unordered_map<LoopWatch*, std::unique_ptr<LoopWatch>> watches_;
    LoopPollers pollers_;
    bool stopped_ = false;
    std::mutex mutex_;  // guards posted_
    std::vector<std::function<void()>> posted_;
    std::thread thread_;  // last: everything above exists when it starts
};

EventLoop::EventLoop(const std::string& name, std::chrono::nanoseconds poll_time)
    : poll_time_{poll_time}, impl_{std::make_unique<Impl>(name, poll_time)} {}
EventLoop::EventLoop(NeverRuns) noexcept {}
EventLoop::~EventLoop() = default;

Watch EventLoop::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready) {
    if (!impl_) return {};
    return Watch{*this, impl_->add(fd, events, std::move(ready))};
}
Watch EventLoop::watch(const EventFd& event, std::function<void()> signalled) {
    if (!impl_) return {};
    return Watch{*this, impl_->add(event, std::move(signalled))};
}
void EventLoop::post(std::function<void()> work) {
    if (impl_) impl_->post(std::move(work));
}
bool EventLoop::on_loop_thread() const noexcept { return impl_ && impl_->on_thread(); }
io_uring_sqe* EventLoop::next_entry() noexcept { return impl_->next_entry(); }
void EventLoop::use_fixed(io_uring_sqe& entry) const noexcept { impl_->ring().use_fixed(entry); }
void EventLoop::fix_file(int fd) noexcept { impl_->ring().fix_file(fd); }
void EventLoop::unfix_file(int fd) noexcept { impl_->ring().unfix_file(fd); }
void EventLoop::fix_memory(const GuestMemory& memory) {
    if (!memory.locked()) return;
    std::vector<iovec> blocks;
    for (const auto& block : memory.blocks()) {
        if (block.is_passed()) continue;  // its pages are not the kernel's to hold on to
        const auto bytes = block.mapping.bytes();
        blocks.push_back({bytes.data(), bytes.size()});
    }
    impl_->ring().fix_memory(blocks);
}
void EventLoop::cancel(IoOperation& operation) noexcept { impl_->cancel(operation); }
void EventLoop::attend(IoPoller& poller) noexcept {
    if (impl_) impl_->pollers().attend(poller);
}
void EventLoop::ignore(IoPoller& poller) noexcept {
    if (impl_) impl_->pollers().ignore(poller);
}
void EventLoop::remove(LoopWatch& watched) noexcept { impl_->remove(watched); }

Watch::Watch(Watch&& other) noexcept : loop_{std::exchange(other.loop_, nullptr)}, watched_{other.watched_} {}
Watch& Watch::operator=(Watch&& other) noexcept {
    Watch old{std::move(*this)};
    loop_ = std::exchange(other.loop_, nullptr);
    watched_ = other.watched_;
    return *this;
}
Watch::~Watch() {
    if (loop_ != nullptr) loop_->remove(*watched_);
}

}  // namespace qvm
