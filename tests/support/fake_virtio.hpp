// SPDX-License-Identifier: Apache-2.0
// The transport and the driver of a virtio device under test. A test reads like a driver:
//
//     FakeVirtio driver{context, device};       // 16 MiB of guest memory, a ring for each queue
//     driver.start();                           // DRIVER_OK
//     const auto answer = driver.heap.writable(4);
//     driver.queue(0).send({driver.heap.readable("ping"), answer});
//     driver.queue(0).wait_used();              // waits for the device's interrupt
//     driver.heap.text(answer);
//     driver.stop();                            // a reset, until the device has let go
#pragma once

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "devices/host/run_on_loop.hpp"
#include "devices/virtio/virtio_device.hpp"
#include "support/fake_context.hpp"
#include "support/queue_driver.hpp"

namespace qvm::test {

class FakeQueueEnd final : public QueueEnd {
public:
    FakeQueueEnd(bool enabled, const QueueSetup& setup) : enabled_{enabled}, setup_{setup} {}

    [[nodiscard]] bool enabled() const noexcept override { return enabled_; }
    [[nodiscard]] const QueueSetup& setup() const noexcept override { return setup_; }
    [[nodiscard]] const EventFd& kick() const noexcept override { return kick_; }
    void interrupt() noexcept override {
        const std::lock_guard lock{mutex_};
        ++interrupts_;
        changed_.notify_all();
    }
    [[nodiscard]] int interrupt_fd() noexcept override { return direct ? direct->fd() : -1; }

    [[nodiscard]] unsigned interrupts() const {
        const std::lock_guard lock{mutex_};
        return interrupts_;
    }
    /// Waits until there were more than `seen`; false after kPatience.
    [[nodiscard]] bool wait_interrupt(unsigned seen) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return interrupts_ > seen; });
    }

    std::unique_ptr<EventFd> direct;  ///< what interrupt_fd() gives away, for devices that leave their rings to others

private:
    bool enabled_;
    QueueSetup setup_;
    EventFd kick_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    unsigned interrupts_ = 0;
};

class FakeTransport final : public VirtioTransport {
public:
    void config_changed() noexcept override {
        const std::lock_guard lock{mutex_};
        ++config_changes_;
        changed_.notify_all();
    }
    void needs_reset(std::string_view why) noexcept override {
        const std::lock_guard lock{mutex_};
        reset_reasons_.emplace_back(why);
        changed_.notify_all();
    }
    void demand_reset() noexcept override { needs_reset("demanded"); }

    [[nodiscard]] unsigned config_changes() const {
        const std::lock_guard lock{mutex_};
        return config_changes_;
    }
    [[nodiscard]] bool wait_config_change(unsigned seen) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, kPatience, [&] { return config_changes_ > seen; });
    }
    [[nodiscard]] std::vector<std::string> reset_reasons() const {
        const std::lock_guard lock{mutex_};
        return reset_reasons_;
    }
    /// The first reason for DEVICE_NEEDS_RESET; empty if there is none after kPatience.
    [[nodiscard]] std::string wait_needs_reset() {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, kPatience, [&] { return !reset_reasons_.empty(); });
        return reset_reasons_.empty() ? std::string{} : reset_reasons_.front();
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    unsigned config_changes_ = 0;
    std::vector<std::string> reset_reasons_;
};

/// One queue of a started device with its driver.
class DrivenQueue {
public:
    DrivenQueue(GuestHeap& heap, std::uint16_t size, std::uint64_t features, bool enabled)
        : driver_{make_queue_driver(heap, size, features)}, end_{enabled, driver_->setup()} {}

    [[nodiscard]] QueueDriver& driver() { return *driver_; }
    [[nodiscard]] FakeQueueEnd& end() { return end_; }

    /// Makes a chain available and notifies if the device wants that.
    std::uint16_t send(const std::vector<Buffer>& chain, Layout layout = Layout::Direct) {
        const auto id = driver_->add(chain, layout);
        if (driver_->kick_wanted()) end_.kick().signal();
        return id;
    }
    /// Notifies, asked for or not.
    void kick() { end_.kick().signal(); }

    /// The next chain that the device gives back; throws after kPatience without one.
    QueueDriver::Used wait_used() {
        const auto until = std::chrono::steady_clock::now() + kPatience;
        while (std::chrono::steady_clock::now() < until) {
            const unsigned seen = end_.interrupts();
            if (const auto used = driver_->collect()) return *used;
            if (!driver_->request_interrupt() && !end_.wait_interrupt(seen)) break;
        }
        throw std::runtime_error{"the device gives nothing back"};
    }

private:
    std::unique_ptr<QueueDriver> driver_;
    FakeQueueEnd end_;
};

class FakeVirtio {
public:
    static constexpr std::uint64_t kMemory = 16 * kMiB;
    static constexpr std::uint64_t kHeap = 0x1000;  ///< address 0 stays free, for pointers that were forgotten

    /// Gives the context's memory to the driver; makes some if there is none.
    FakeVirtio(FakeContext& context, VirtioDevice& device)
        : heap{with_memory(context), Gpa{kHeap}, kMemory - kHeap}, context_{context}, device_{device} {
        device.connect(transport);
    }
    ~FakeVirtio() { stop(); }
    FakeVirtio(const FakeVirtio&) = delete;
    FakeVirtio& operator=(const FakeVirtio&) = delete;

    /// What start() negotiates beside the device's own features; to be set before.
    std::uint64_t ring_features = virtio_feature::kVersion1;
    std::uint16_t largest_queue = 256;   ///< queues that could be larger are not
    std::vector<unsigned> left_out;      ///< queues that the driver does not enable
    std::uint64_t own_features = ~0ULL;  ///< of the device's features, those that the driver knows

    /// DRIVER_OK.
    void start() {
        const std::uint64_t features = (device_.features() & own_features) | ring_features;
        queues_.clear();
        std::vector<QueueEnd*> ends;
        for (const std::uint16_t size : device_.queue_sizes()) {
            const auto number = static_cast<unsigned>(queues_.size());
            const bool enabled = std::ranges::find(left_out, number) == left_out.end();
            queues_.push_back(std::make_unique<DrivenQueue>(heap, std::min(size, largest_queue), features, enabled));
            ends.push_back(&queues_.back()->end());
        }
        run_on_loop(context_.loop(), [&] { device_.start(features, ends); });
        started_ = true;
    }
    /// A reset. Returns when the device has let go of queues and memory.
    void stop() {
        if (!std::exchange(started_, false)) return;
        const auto stopped = std::make_shared<std::promise<void>>();
        auto done = stopped->get_future();
        context_.loop().post([this, stopped] { device_.stop([stopped] { stopped->set_value(); }); });
        done.wait();
    }

    [[nodiscard]] DrivenQueue& queue(unsigned number) { return *queues_.at(number); }

    template <typename T>
    [[nodiscard]] T config(std::size_t offset) {
        T value{};
        device_.read_config(offset, std::as_writable_bytes(std::span{&value, 1}));
        return value;
    }
    template <typename T>
    void set_config(std::size_t offset, const T& value) {
        device_.write_config(offset, std::as_bytes(std::span{&value, 1}));
    }

    GuestHeap heap;
    FakeTransport transport;

private:
    [[nodiscard]] static const GuestMemory& with_memory(FakeContext& context) {
        if (context.ram.blocks().empty()) {
            context.ram.add(Range::make(0, kMemory).value(), GuestMemory::Kind::Ram);
        }
        return context.ram;
    }

    FakeContext& context_;
    VirtioDevice& device_;
    std::vector<std::unique_ptr<DrivenQueue>> queues_;
    bool started_ = false;
};

}  // namespace qvm::test
