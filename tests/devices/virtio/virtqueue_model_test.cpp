// SPDX-License-Identifier: Apache-2.0
// Random drivers and devices against a model of what is in the queue, and both sides at once on two threads.
#include <atomic>
#include <deque>
#include <map>
#include <random>
#include <thread>

#include "devices/virtio/queue_bench.hpp"

namespace qvm {
namespace {

using namespace test;

/// Both sides of a queue do what comes to their mind; what the model says must happen, and nothing else.
class RandomQueue {
public:
    RandomQueue(std::uint64_t features, std::uint16_t size, unsigned seed)
        : bench_{features, size}, random_{seed}, pages_{bench_.heap.take(64 * kKiB)} {}

    void step() {
        switch (random() % 8) {
            case 0:
            case 1:
                return place();
            case 2:
                return publish();
            case 3:
            case 4:
                return pop();
            case 5:
                return push();
            case 6:
                return collect();
            default:
                return suppression();
        }
    }
    [[nodiscard]] unsigned wrong() const { return wrong_; }
    [[nodiscard]] unsigned served() const { return served_; }

private:
    struct Request {
        std::uint16_t id = 0;
        std::uint32_t readable = 0;
        std::uint32_t writable = 0;
        std::uint32_t first = 0;  ///< the bytes with which its readable part begins
        std::uint32_t written = 0;
    };

    [[nodiscard]] std::uint32_t random() { return static_cast<std::uint32_t>(random_()); }
    void expect(bool right) { wrong_ += right ? 0U : 1U; }

    void place() {
        Request request;
        std::vector<Buffer> chain;
        const auto readable = 1 + random() % 3;
        for (unsigned i = 0; i < readable; ++i) chain.push_back(buffer(false));
        request.first = random();
        for (auto writable = random() % 4; writable != 0; --writable) chain.push_back(buffer(true));
        for (const Buffer& each : chain) (each.writable ? request.writable : request.readable) += each.size;
        const bool indirect = (bench_.driver->setup().features & kWithIndirect) != 0 && random() % 2 == 0;
        const Layout layout = indirect ? Layout::Indirect : Layout::Direct;
        if (chain.size() > bench_.driver->setup().size || !bench_.driver->has_room(chain.size(), layout)) return;
        expect(bench_.memory.write(chain.front().at, request.first));
        request.id = bench_.driver->place(chain, layout);
        placed_.push_back(request);
    }

    /// Each has its own 64 bytes of the pages, taken in turn: more than can be in use at once.
    [[nodiscard]] Buffer buffer(bool writable) {
        const Gpa at{raw(pages_) + 64 * (next_++ % 1024)};
        return {at, 4 + random() % 60, writable};
    }

    void publish() {
        bench_.driver->publish();
        const bool kick = bench_.driver->kick_wanted();
        if (placed_.empty()) return expect(!kick);
        if (notified_) expect(kick);
        notified_ = notified_ && !events();
        visible_.insert(visible_.end(), placed_.begin(), placed_.end());
        placed_.clear();
    }

    void pop() {
        auto chain = bench_.queue.pop();
        expect(chain.has_value() == !visible_.empty());
        if (!chain) return;
        const Request request = visible_.front();
        visible_.pop_front();
        expect(chain->readable_size() == request.readable && chain->writable_size() == request.writable);
        expect(chain->read<std::uint32_t>(0) == request.first);
        held_.emplace_back(std::move(*chain), request);
    }

    void push() {
        if (held_.empty()) return;
        const auto which = static_cast<std::ptrdiff_t>(random() % held_.size());
        auto [chain, request] = std::move(held_[static_cast<std::size_t>(which)]);
        held_.erase(held_.begin() + which);
        request.written = request.writable == 0 ? 0 : random() % (request.writable + 1);
        bench_.queue.push(std::move(chain), request.written);
        used_.push_back(request);
        ++served_;
        const bool wanted = bench_.queue.interrupt_wanted();
        if (interrupted_ == Interrupts::No) expect(!wanted);
        if (interrupted_ == Interrupts::Yes) expect(wanted);
        if (events() && interrupted_ == Interrupts::Yes) interrupted_ = Interrupts::Unknown;
    }

    void collect() {
        const auto used = bench_.driver->collect();
        expect(used.has_value() == !used_.empty());
        if (!used) return;
        expect(used->id == used_.front().id && used->written == used_.front().written);
        used_.pop_front();
    }

    void suppression() {
        switch (random() % 4) {
            case 0:
                bench_.queue.disable_notifications();
                notified_ = false;
                return;
            case 1:
                expect(bench_.queue.enable_notifications() == !visible_.empty());
                // With event indices only the next one to come is told.
                notified_ = !events() || visible_.empty();
                return;
            case 2:
                bench_.driver->suppress_interrupts();
                interrupted_ = events() ? Interrupts::Unknown : Interrupts::No;
                return;
            default:
                expect(bench_.driver->request_interrupt() == !used_.empty());
                interrupted_ = events() && !used_.empty() ? Interrupts::Unknown : Interrupts::Yes;
        }
    }

    [[nodiscard]] bool events() const { return (bench_.driver->setup().features & kWithEventIdx) != 0; }

    enum class Interrupts { No, Yes, Unknown };
    QueueBench bench_;
    std::minstd_rand random_;
    Gpa pages_;
    std::uint64_t next_ = 0;
    std::deque<Request> placed_;   ///< not yet published
    std::deque<Request> visible_;  ///< not yet popped
    std::vector<std::pair<Chain, Request>> held_;
    std::deque<Request> used_;  ///< not yet collected
    bool notified_ = true;      ///< whether the next publish() must notify
    Interrupts interrupted_ = Interrupts::Yes;
    unsigned wrong_ = 0;
    unsigned served_ = 0;
};

/// One thread is the driver, one the device; both sleep on eventfds when the ring says that they will be woken.
class TwoThreads {
public:
    explicit TwoThreads(std::uint64_t features) : bench_{features | kWithIndirect, 32} {}

    unsigned run(std::uint32_t requests) {
        requests_ = requests;
        std::thread device{[this] { serve(); }};
        drive();
        device.join();
        return wrong_;
    }

private:
    struct Flag {
        std::atomic<bool> set{false};
        void raise() {
            set.store(true);
            set.notify_one();
        }
        void wait() {
            set.wait(false);
            set.store(false);
        }
    };

    /// Answers each number with its complement.
    void serve() {
        for (std::uint32_t served = 0; served < requests_;) {
            bench_.queue.disable_notifications();
            while (auto chain = bench_.queue.pop()) {
                const auto number = chain->read<std::uint32_t>(0).value_or(0);
                const std::uint32_t answer = ~number;
                chain->write(0, std::as_bytes(std::span{&answer, 1}));
                bench_.queue.push(std::move(*chain), sizeof answer);
                if (++served % 3 == 0 && bench_.queue.interrupt_wanted()) interrupt_.raise();
            }
            if (bench_.queue.interrupt_wanted()) interrupt_.raise();
            if (served < requests_ && !bench_.queue.enable_notifications()) kick_.wait();
        }
    }

    void drive() {
        for (unsigned i = 0; i < 32; ++i) free_.push_back({bench_.heap.readable_value(0U), bench_.heap.writable(4)});
        std::uint32_t sent = 0;
        for (std::uint32_t collected = 0; collected < requests_;) {
            while (sent < requests_ && !free_.empty()) {
                const Layout layout = sent % 5 == 0 ? Layout::Indirect : Layout::Direct;
                if (!bench_.driver->has_room(2, layout)) break;
                send(sent++, layout);
            }
            if (const auto used = bench_.driver->collect()) {
                check(*used);
                ++collected;
            } else if (!bench_.driver->request_interrupt()) {
                interrupt_.wait();
            }
        }
    }

    void send(std::uint32_t number, Layout layout) {
        const std::vector<Buffer> chain = free_.back();
        free_.pop_back();
        (void)bench_.memory.write(chain[0].at, number);
        const auto id = bench_.driver->add(chain, layout);
        pending_[id] = {chain, number};
        if (bench_.driver->kick_wanted()) kick_.raise();
    }

    void check(const QueueDriver::Used& used) {
        const auto& [chain, number] = pending_.at(used.id);
        if (bench_.heap.value<std::uint32_t>(chain[1]) != ~number || used.written != 4) ++wrong_;
        free_.push_back(chain);
        pending_.erase(used.id);
    }

    QueueBench bench_;
    std::uint32_t requests_ = 0;
    std::vector<std::vector<Buffer>> free_;
    std::map<std::uint16_t, std::pair<std::vector<Buffer>, std::uint32_t>> pending_;
    Flag kick_;
    Flag interrupt_;
    unsigned wrong_ = 0;
};

}  // namespace

TEST_CASE("virtqueue: random drivers and devices agree with a model of the queue") {
    for (const std::uint64_t ring : {kSplit, kPacked}) {
        for (const std::uint64_t features :
             {ring, ring | kWithEventIdx, ring | kWithIndirect, ring | kWithIndirect | kWithEventIdx}) {
            for (const unsigned size : {1U, 2U, 8U, 64U}) {
                for (unsigned seed = 1; seed <= 5; ++seed) {
                    RandomQueue queue{features, static_cast<std::uint16_t>(size), seed};
                    for (unsigned i = 0; i < 10'000; ++i) queue.step();
                    INFO(features << " " << size << " " << seed);
                    CHECK(queue.wrong() == 0);
                    // Chains have at least one buffer; those of two do not fit into a queue of one.
                    CHECK(queue.served() > 100);
                }
            }
        }
    }
}

TEST_CASE("virtqueue: driver and device on two threads lose nothing, wake-ups included") {
    for (const std::uint64_t features : {kSplit, kPacked, kSplit | kWithEventIdx, kPacked | kWithEventIdx}) {
        INFO(features);
        CHECK(TwoThreads{features}.run(30'000) == 0);
    }
}

}  // namespace qvm
