// SPDX-License-Identifier: Apache-2.0
// A virtio device of no kind, which remembers what its transport does to it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "devices/virtio/virtio_device.hpp"
#include "support/fake_context.hpp"

namespace qvm::test {

/// What the test sees of the device, which its transport owns. It locks around everything, as a device with data would.
struct VirtioRecord {
    static constexpr std::uint64_t kFeature = 1ULL << 5;
    static constexpr std::uint64_t kOther = 1ULL << 6;

    std::vector<std::uint16_t> queue_sizes{8, 16};
    std::uint64_t offered = kFeature | kOther;
    bool accepts = true;
    bool holds_stop = false;  ///< stop() does not call back; finish_stop() does

    std::mutex mutex;
    std::condition_variable changed;
    std::array<std::byte, 8> config{};
    std::atomic<unsigned> starts{0};
    std::atomic<unsigned> stops{0};
    std::atomic<unsigned> moves{0};
    std::atomic<unsigned> destroyed{0};
    std::uint64_t features = 0;
    std::vector<QueueEnd*> queues;
    std::atomic<VirtioTransport*> transport{nullptr};
    std::function<void()> stopped;

    template <typename Holds>
    [[nodiscard]] bool wait(Holds holds) {
        std::unique_lock lock{mutex};
        return changed.wait_for(lock, kPatience, holds);
    }
    [[nodiscard]] bool wait_started(unsigned times = 1) {
        return wait([this, times] { return starts == times; });
    }
    [[nodiscard]] bool wait_stopping(unsigned times = 1) {
        return wait([this, times] { return stops == times; });
    }
    /// What is in flight has come back.
    void finish_stop(EventLoop& loop) {
        loop.post([this] { std::exchange(stopped, nullptr)(); });
    }
    [[nodiscard]] QueueEnd& queue(unsigned number) {
        const std::lock_guard lock{mutex};
        return *queues.at(number);
    }
    /// As a device that holds its own lock while it tells.
    void set_config(std::byte value) {
        const std::lock_guard lock{mutex};
        config.fill(value);
        transport.load()->config_changed();
    }
};

class RecordingVirtioDevice final : public VirtioDevice {
public:
    explicit RecordingVirtioDevice(VirtioRecord& seen) : seen_{seen} {}
    ~RecordingVirtioDevice() override { ++seen_.destroyed; }

    [[nodiscard]] std::uint16_t type() const noexcept override { return 42; }
    [[nodiscard]] std::uint32_t pci_class() const noexcept override { return 0xff0000; }
    [[nodiscard]] std::uint64_t features() const noexcept override { return seen_.offered; }
    [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override { return seen_.queue_sizes; }
    [[nodiscard]] std::size_t config_size() const noexcept override { return seen_.config.size(); }
    void read_config(std::size_t offset, std::span<std::byte> data) noexcept override {
        const std::lock_guard lock{seen_.mutex};
        std::ranges::copy(std::span{seen_.config}.subspan(offset, data.size()), data.begin());
    }
    void write_config(std::size_t offset, std::span<const std::byte> data) noexcept override {
        const std::lock_guard lock{seen_.mutex};
        std::ranges::copy(data, seen_.config.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    [[nodiscard]] bool accepts(std::uint64_t) const noexcept override { return seen_.accepts; }

    void start(std::uint64_t features, std::span<QueueEnd* const> queues) noexcept override {
        const std::lock_guard lock{seen_.mutex};
        ++seen_.starts;
        seen_.features = features;
        seen_.queues.assign(queues.begin(), queues.end());
        seen_.transport = &transport();
        seen_.changed.notify_all();
    }
    void stop(std::function<void()> stopped) noexcept override {
        {
            const std::lock_guard lock{seen_.mutex};
            ++seen_.stops;
            seen_.changed.notify_all();
            if (seen_.holds_stop) return void(seen_.stopped = std::move(stopped));
        }
        stopped();
    }
    void interrupts_moved() noexcept override {
        const std::lock_guard lock{seen_.mutex};
        ++seen_.moves;
        seen_.changed.notify_all();
    }

private:
    VirtioRecord& seen_;
};

}  // namespace qvm::test
