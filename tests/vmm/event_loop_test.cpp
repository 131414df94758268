// SPDX-License-Identifier: Apache-2.0
#include "vmm/event_loop.hpp"

#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <future>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "vmm/event_fd.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/unique_fd.hpp"

using namespace qvm;

TEST_CASE("a watch runs on the loop's thread each time its descriptor is ready") {
    EventLoop loop{"io/test"};
    EventFd event;
    EventFd seen;
    std::atomic<bool> on_loop{false};
    const Watch watch = loop.watch(event.fd(), POLLIN, [&](std::uint32_t) {
        event.drain();
        on_loop = loop.on_loop_thread();
        seen.signal();
    });
    CHECK_FALSE(loop.on_loop_thread());
    for (int i = 0; i < 3; ++i) {
        event.signal();
        pollfd wait{seen.fd(), POLLIN, 0};
        REQUIRE(::poll(&wait, 1, 10'000) == 1);
        seen.drain();
    }
    CHECK(on_loop);
}

TEST_CASE("after a watch is gone its callback never runs") {
    EventLoop loop{"io/test"};
    EventFd event;
    std::atomic<int> calls{0};
    for (int i = 0; i < 200; ++i) {
        auto watch = std::make_optional(loop.watch(event.fd(), POLLIN, [&](std::uint32_t) { ++calls; }));
        event.signal();
        watch.reset();
        const int before = calls;
        std::promise<void> turn;
        loop.post([&] { turn.set_value(); });
        turn.get_future().get();
        CHECK(calls == before);
    }
}

TEST_CASE("a callback may end its own watch") {
    EventLoop loop{"io/test"};
    EventFd event;
    std::promise<void> done;
    std::optional<Watch> watch;
    std::promise<void> ready;
    loop.post([&] {
        watch.emplace(loop.watch(event.fd(), POLLIN, [&](std::uint32_t) {
            watch.reset();
            done.set_value();
        }));
        ready.set_value();
    });
    ready.get_future().get();
    event.signal();
    done.get_future().get();
    std::promise<void> turn;
    loop.post([&] { turn.set_value(); });
    turn.get_future().get();
    CHECK_FALSE(watch);
}

TEST_CASE("more watches than the ring has entries all run") {
    constexpr unsigned kCount = 300;
    EventLoop loop{"io/test"};
    std::vector<EventFd> events(kCount);
    std::vector<Watch> watches;
    std::atomic<unsigned> calls{0};
    std::promise<void> all;
    for (auto& event : events)
        watches.push_back(loop.watch(event.fd(), POLLIN, [&](std::uint32_t) {
            event.drain();
            if (++calls == kCount) all.set_value();
        }));
    for (auto& event : events) event.signal();
    all.get_future().get();
    CHECK(calls == kCount);
}

TEST_CASE("work posted from several threads runs once each") {
    EventLoop loop{"io/test"};
    int runs = 0;  // touched on the loop's thread only
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 100; ++i) loop.post([&] { ++runs; });
        });
    for (auto& thread : threads) thread.join();
    std::promise<int> total;
    loop.post([&] { total.set_value(runs); });
    CHECK(total.get_future().get() == 400);
}

TEST_CASE("a loop that never runs takes watches and work, and calls nobody") {
    EventLoop loop{EventLoop::NeverRuns{}};
    EventFd event;
    event.signal();
    bool called = false;
    {
        const Watch watch = loop.watch(event.fd(), POLLIN, [&](std::uint32_t) { called = true; });
        loop.post([&] { called = true; });
    }
    CHECK_FALSE(loop.on_loop_thread());
    CHECK_FALSE(called);
}

namespace {

class Read final : public IoOperation {
public:
    void done(int result) noexcept override { finished.set_value(result); }
    std::promise<int> finished;
};

/// Result of the operation that `fill` describes.
template <typename Fill>
int run_operation(EventLoop& loop, Fill fill) {
    Read read;
    loop.post([&] { loop.submit(read, fill); });
    return read.finished.get_future().get();
}

constexpr std::string_view kText{"abc"};

UniqueFd file_of_text() {
    UniqueFd file{::memfd_create("test", MFD_CLOEXEC)};
    REQUIRE(::pwrite(file.get(), kText.data(), kText.size(), 0) == static_cast<ssize_t>(kText.size()));
    return file;
}

}  // namespace

TEST_CASE("a file that is fixed is not looked up, until it is no longer fixed") {
    EventLoop loop{"io/test"};
    std::array<char, 8> text{};
    const int fd = file_of_text().get();  // closed right away: the number is nobody's
    const auto read = [&](io_uring_sqe* entry) { ::io_uring_prep_read(entry, fd, text.data(), text.size(), 0); };
    CHECK(run_operation(loop, read) == -EBADF);
    {
        const UniqueFd file = file_of_text();
        REQUIRE(file.get() == fd);
        std::promise<void> fixed;
        loop.post([&] {
            loop.fix_file(fd);
            fixed.set_value();
        });
        fixed.get_future().get();
    }
    CHECK(run_operation(loop, read) == 3);
    CHECK(std::string_view{text.data()} == kText);
    loop.post([&] { loop.unfix_file(fd); });
    CHECK(run_operation(loop, read) == -EBADF);
}

TEST_CASE("the pages of locked guest memory are not looked up for a transfer of one piece") {
    const bool locked = GENERATE(true, false);
    EventLoop loop{"io/test"};
    constexpr std::uint64_t kSize = 64 * kKiB;
    GuestMemory memory;
    memory.add(*Range::make(0, kSize), GuestMemory::Kind::Ram);
    if (locked) memory.lock();
    const UniqueFd file = file_of_text();
    const auto bytes = memory.blocks()[0].mapping.bytes();
    loop.post([&] { loop.fix_memory(memory); });
    // Other pages at the same addresses show which ones the kernel takes.
    iovec whole{bytes.data(), kText.size()};
    std::array<iovec, 2> halves{iovec{bytes.data() + 8, 1}, iovec{bytes.data() + 9, 2}};
    const auto read = [&](iovec* parts, unsigned count) {
        return run_operation(loop,
                             [&](io_uring_sqe* entry) { ::io_uring_prep_readv(entry, file.get(), parts, count, 0); });
    };
    CHECK(run_operation(loop, [](io_uring_sqe* entry) { ::io_uring_prep_nop(entry); }) == 0);
    REQUIRE(::mmap(bytes.data(), kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
            bytes.data());
    CHECK(read(&whole, 1) == 3);
    CHECK(read(halves.data(), 2) == 3);
    std::array<char, 16> in_memory{};
    REQUIRE(::pread(memory.blocks()[0].memfd.get(), in_memory.data(), in_memory.size(), 0) == 16);
    const auto* const elsewhere = reinterpret_cast<const char*>(bytes.data());
    CHECK(std::string_view{locked ? in_memory.data() : elsewhere} == kText);
    CHECK(std::string_view{locked ? elsewhere : in_memory.data()}.empty());
    CHECK(std::string_view{elsewhere + 8} == kText);
}

TEST_CASE("an operation is done on the loop's thread with the result of its system call") {
    EventLoop loop{"io/test"};
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const UniqueFd from{ends[0]};
    const UniqueFd to{ends[1]};
    std::array<char, 8> text{};
    Read read;
    loop.post([&] {
        loop.submit(read,
                    [&](io_uring_sqe* entry) { ::io_uring_prep_read(entry, from.get(), text.data(), text.size(), 0); });
    });
    REQUIRE(::write(to.get(), "abc", 3) == 3);
    CHECK(read.finished.get_future().get() == 3);
    CHECK(std::string_view{text.data()} == "abc");
}

TEST_CASE("an operation that was cancelled is done all the same") {
    EventLoop loop{"io/test"};
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const UniqueFd from{ends[0]};
    const UniqueFd to{ends[1]};
    char byte = 0;
    Read read;
    loop.post([&] {
        loop.submit(read, [&](io_uring_sqe* entry) { ::io_uring_prep_read(entry, from.get(), &byte, 1, 0); });
        loop.cancel(read);
    });
    const int result = read.finished.get_future().get();
    CHECK((result == -ECANCELED || result == -EINTR));
}

TEST_CASE("a watched event has been taken when the callback runs, and comes again with the next signal") {
    EventLoop loop{"io/test"};
    EventFd event;
    EventFd seen;
    std::atomic<unsigned> untaken{0};
    const Watch watch = loop.watch(event, [&] {
        if (event.drain()) ++untaken;
        seen.signal();
    });
    for (int i = 0; i < 100; ++i) {
        event.signal();
        pollfd wait{seen.fd(), POLLIN, 0};
        REQUIRE(::poll(&wait, 1, 10'000) == 1);
        seen.drain();
    }
    CHECK(untaken == 0);
}

TEST_CASE("a watched event that was signalled before counts") {
    EventLoop loop{"io/test"};
    EventFd event;
    event.signal();
    std::promise<void> seen;
    const Watch watch = loop.watch(event, [&] { seen.set_value(); });
    seen.get_future().get();
}

TEST_CASE("a watch of an event may end in its own callback, and never runs afterwards") {
    EventLoop loop{"io/test"};
    EventFd event;
    int calls = 0;  // touched on the loop's thread only
    std::optional<Watch> watch;
    std::promise<void> done;
    loop.post([&] {
        watch.emplace(loop.watch(event, [&] {
            ++calls;
            watch.reset();
            done.set_value();
        }));
    });
    event.signal();
    done.get_future().get();
    event.signal();
    std::promise<int> turn;
    loop.post([&] { turn.set_value(calls); });
    CHECK(turn.get_future().get() == 1);
    CHECK(event.drain());
}

TEST_CASE("ten thousand operations at once are all done") {
    constexpr int kCount = 10'000;
    struct Counting final : IoOperation {
        void done(int result) noexcept override {
            if (result == 0) ++*count;
            if (*count == kCount) all->set_value();
        }
        int* count = nullptr;
        std::promise<void>* all = nullptr;
    };
    EventLoop loop{"io/test"};
    int count = 0;
    std::promise<void> all;
    std::vector<Counting> operations(kCount);
    loop.post([&] {
        for (Counting& operation : operations) {
            operation.count = &count;
            operation.all = &all;
            loop.submit(operation, [](io_uring_sqe* entry) { ::io_uring_prep_nop(entry); });
        }
    });
    all.get_future().get();
    CHECK(count == kCount);
}

// With two events at once the kernel may say that there is more when there is nothing, and say so until the next event.
TEST_CASE("events from several threads are all heard, however they meet") {
    constexpr int kRounds = 40'000;
    EventLoop loop{"io/test"};
    const auto ping = [&loop] {
        EventFd event;
        EventFd heard;
        const Watch watch = loop.watch(event, [&heard] { heard.signal(); });
        for (int i = 0; i < kRounds; ++i) {
            event.signal();
            pollfd wait{heard.fd(), POLLIN, 0};
            if (::poll(&wait, 1, 10'000) != 1) return false;
            heard.drain();
        }
        return true;
    };
    auto other = std::async(std::launch::async, ping);
    CHECK(ping());
    CHECK(other.get());
}
