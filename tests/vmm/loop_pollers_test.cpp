// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <functional>
#include <future>

#include "vmm/event_fd.hpp"
#include "vmm/event_loop.hpp"
#include "vmm/poll_window.hpp"

using namespace qvm;
using namespace std::chrono_literals;

namespace {

/// Finds `work` pieces of work, one in each poll(). All members but the promise belong to the loop's thread.
class Worker final : public IoPoller {
public:
    explicit Worker(EventLoop& loop) : loop_{loop} {}

    bool poll() noexcept override {
        ++polls;
        if (work == 0) return false;
        --work;
        if (each) each();
        return true;
    }
    bool rest() noexcept override {
        work += late;
        const bool more = late != 0;
        late = 0;
        if (!more) rested.set_value();
        return more;
    }
    void start(unsigned pieces) {
        loop_.post([this, pieces] {
            work = pieces;
            loop_.attend(*this);
        });
    }
    void wait() { rested.get_future().get(); }

    unsigned work = 0;
    unsigned late = 0;  ///< turns up just when it wants to rest
    unsigned polls = 0;
    std::function<void()> each;
    std::promise<void> rested;

private:
    EventLoop& loop_;
};

void run_on(EventLoop& loop, const std::function<void()>& work) {
    std::promise<void> done;
    loop.post([&] {
        work();
        done.set_value();
    });
    done.get_future().get();
}

class Nop final : public IoOperation {
public:
    explicit Nop(std::function<void()> then) : then_{std::move(then)} {}
    void done(int) noexcept override { then_(); }

private:
    std::function<void()> then_;
};

}  // namespace

TEST_CASE("a poller is polled while it has work and then rests") {
    EventLoop loop{"io/test"};
    Worker worker{loop};
    worker.start(5);
    worker.wait();
    CHECK(worker.polls == 6);
    run_on(loop, [] {});
    CHECK(worker.polls == 6);
}

TEST_CASE("work that turns up when a poller wants to rest is not left lying") {
    EventLoop loop{"io/test"};
    Worker worker{loop};
    worker.late = 3;
    worker.start(1);
    worker.wait();
    CHECK(worker.work == 0);
    CHECK(worker.polls == 1 + 1 + 3 + 1);
}

TEST_CASE("what a poller submits is done while it is still polled") {
    EventLoop loop{"io/test"};
    Worker worker{loop};
    bool submitted = false;
    Nop nop{[&] { worker.work = 0; }};
    worker.each = [&] {
        ++worker.work;  // without an end, but for the operation's
        if (!std::exchange(submitted, true)) loop.submit(nop, [](io_uring_sqe* entry) { ::io_uring_prep_nop(entry); });
    };
    worker.start(1);
    worker.wait();
}

TEST_CASE("a busy poller leaves a turn for signals and posted work") {
    EventLoop loop{"io/test"};
    EventFd event;
    Worker busy{loop};
    busy.each = [&] { ++busy.work; };
    std::promise<void> seen;
    const Watch watch = loop.watch(event, [&] {
        busy.work = 0;
        busy.each = nullptr;
        seen.set_value();
    });
    busy.start(1);
    event.signal();
    seen.get_future().get();
    busy.wait();
}

TEST_CASE("pollers take turns, and may attend and ignore each other meanwhile") {
    EventLoop loop{"io/test"};
    Worker first{loop};
    Worker second{loop};
    Worker third{loop};
    first.each = [&] {
        loop.ignore(second);
        loop.attend(third);
        loop.attend(third);
        third.work = 2;
    };
    run_on(loop, [&] {
        loop.attend(first);
        loop.attend(second);
        first.work = 1;
        second.work = 1;
    });
    first.wait();
    third.wait();
    run_on(loop, [] {});
    CHECK(second.polls == 0);
    CHECK(second.work == 1);
    CHECK(first.polls == 3);
    CHECK(third.polls == 3);
}

TEST_CASE("a loop that may poll learns to look for work again before its poller rests") {
    EventLoop loop{"io/test", 1min};
    unsigned polls = 0;
    while (polls <= 1) {  // as many as without
        Worker worker{loop};
        worker.start(0);
        worker.wait();
        polls = worker.polls;
    }
    CHECK(polls > 1);
}

TEST_CASE("the time for polling grows while it pays, and shrinks to nothing while it does not") {
    PollWindow window{32us};
    CHECK_FALSE(window.never());
    CHECK(window.length() == 0us);
    window.learn(30us);
    CHECK(window.length() == 2us);
    for (int i = 0; i < 3; ++i) window.learn(20us);
    CHECK(window.length() == 16us);
    for (int i = 0; i < 3; ++i) window.learn(20us);
    CHECK(window.length() == 32us);
    window.learn(33us);
    CHECK(window.length() == 16us);
    for (int i = 0; i < 4; ++i) window.learn(1s);
    CHECK(window.length() == 0us);
    CHECK(PollWindow{}.never());
}
