// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "devices/host/run_on_loop.hpp"

namespace qvm {
namespace {

using namespace virtio_status;

constexpr std::uint8_t kDriverBits = kAcknowledge | kDriver | kDriverOk | kFeaturesOk | kFailed;
/// Of the features that concern all devices, those that depend on whoever serves the rings.
constexpr std::uint64_t kRingFeatures =
    virtio_feature::kIndirectDesc | virtio_feature::kEventIdx | virtio_feature::kRingPacked | virtio_feature::kInOrder;
constexpr std::uint64_t kLegacyFeatures = UINT32_MAX;
constexpr std::chrono::seconds kQuietWait{2};

}  // namespace

VirtioCore::VirtioCore(std::unique_ptr<VirtioDevice> device, VirtioInterrupts& interrupts, VirtioHost host)
    : host_{std::move(host)},
      misuse_{host_.log, host_.name + ": the driver broke the rules of the registers"},
      broken_{host_.log, host_.name + ": the driver broke the rules of the queues, and must reset the device"},
      interrupts_{interrupts},
      device_{std::move(device)},
      registers_{device_->queue_sizes()} {
    for (unsigned i = 0; i < device_->queue_sizes().size(); ++i)
        ends_.push_back(&ports_.emplace_back(i, interrupts_, live_));
    device_->connect(*this);
}

VirtioCore::~VirtioCore() {
    end_run();
    device_.reset();  // a back end may still call, and finds all of this in place
}

void VirtioCore::end_run() noexcept {
    {
        const std::lock_guard lock{mutex_};
        if (!ran_) return;
        if (phase_ == Phase::Running) begin_reset();
    }
    wait_for_end();
    // The callback that called `stopped`, and what was posted before it, may still run.
    run_on_loop(host_.loop, [] {});
}

/// There is no way to take guest memory from a device whose back end does not answer.
void VirtioCore::wait_for_end() noexcept {
    std::unique_lock lock{mutex_};
    const auto idle = [this] { return phase_ == Phase::Idle; };
    if (changed_.wait_for(lock, kQuietWait, idle)) return;
    host_.log.warn(host_.name + ": the end waits for its back end, which has not answered yet");
    changed_.wait(lock, idle);
}

std::uint64_t VirtioCore::offered() const noexcept {
    const std::uint64_t all = device_->features() | virtio_feature::kVersion1 |
                              (device_->ring_features() & kRingFeatures & ~host_.style.withheld);
    return host_.style.legacy ? all & kLegacyFeatures : all;
}

std::uint32_t VirtioCore::read(VirtioReg reg) noexcept {
    if (reg == VirtioReg::Status) return status_.load();
    if (reg == VirtioReg::ConfigGeneration) return generation();
    const std::lock_guard lock{mutex_};
    return registers_.read(reg, reg == VirtioReg::DeviceFeatures ? offered() : 0);
}

void VirtioCore::write(VirtioReg reg, std::uint32_t value) noexcept {
    const std::lock_guard lock{mutex_};
    if (phase_ == Phase::Stopping) return;
    if (reg == VirtioReg::Status) return write_status(value);
    if (!registers_.write(reg, value, status_.load())) misuse_.count();
}

/// Virtio 1.2, 2.1.2 and 3.1.1: bits are only added, and only a reset takes them away.
void VirtioCore::write_status(std::uint32_t value) noexcept {
    if (value == 0) return begin_reset();
    const std::uint8_t now = status_.load();
    const bool clears = (now & kDriverBits & ~value) != 0;
    if (clears || value > UINT8_MAX) misuse_.count();
    auto added = static_cast<std::uint8_t>(value & kDriverBits & ~now);
    if ((added & kFeaturesOk) != 0 && (host_.style.legacy || !features_are_good()))
        added &= static_cast<std::uint8_t>(~kFeaturesOk);
    if ((added & kDriverOk) != 0 && !may_start(now | added)) {
        misuse_.count();
        added &= static_cast<std::uint8_t>(~kDriverOk);
    }
    status_.fetch_or(added);
    if ((added & kDriverOk) != 0) begin_run();
}

/// Virtio 1.2, 3.1.1 and 3.1.2: a legacy driver does not ask whether its features will do.
bool VirtioCore::may_start(std::uint8_t status) const noexcept {
    return host_.style.legacy ? features_are_good() : (status & kFeaturesOk) != 0;
}

/// Virtio 1.2, 2.2.2 and 6.2: a subset of what is offered, with VERSION_1.
bool VirtioCore::features_are_good() const noexcept {
    const std::uint64_t wanted = registers_.features();
    if (!registers_.features_exist() || (wanted & ~offered()) != 0) return false;
    const bool modern = (wanted & virtio_feature::kVersion1) != 0;
    return modern != host_.style.legacy && device_->accepts(wanted);
}

void VirtioCore::begin_run() noexcept {
    const std::uint64_t features = registers_.features();
    const auto queues = registers_.queues();
    for (std::size_t i = 0; i < queues.size(); ++i) ports_[i].take(queues[i], features);
    phase_ = Phase::Running;
    ran_ = true;
    live_.store(true, std::memory_order_release);
    host_.loop.post([this, features] { start_device(features); });
}

void VirtioCore::begin_reset() noexcept {
    if (phase_ == Phase::Idle) return finish_reset();
    phase_ = Phase::Stopping;
    live_.store(false, std::memory_order_release);
    host_.loop.post([this] { stop_device(); });
}

void VirtioCore::finish_reset() noexcept {
    registers_.reset();
    phase_ = Phase::Idle;
    interrupts_.reset();
    status_.store(0);
}

void VirtioCore::start_device(std::uint64_t features) noexcept {
    started_ = true;
    device_->start(features, ends_);
}

void VirtioCore::stop_device() noexcept {
    started_ = false;
    device_->stop([this] { stopped(); });
}

void VirtioCore::stopped() noexcept {
    const std::lock_guard lock{mutex_};
    finish_reset();
    changed_.notify_all();
}

void VirtioCore::wait_for_reset(std::chrono::milliseconds limit) noexcept {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, limit, [this] { return phase_ != Phase::Stopping; });
}

void VirtioCore::notify(std::uint32_t queue) noexcept {
    if (queue < ports_.size()) return ports_[queue].kick().signal();
    misuse_.count();
}

/// Virtio 1.2, 4.1.4.3.1: it counts when the driver looks, and not with each change, so that 8 bits are enough.
std::uint8_t VirtioCore::generation() noexcept {
    if (config_moved_.exchange(false)) generation_.fetch_add(1);
    return generation_.load();
}

void VirtioCore::read_config(std::uint64_t offset, std::span<std::byte> data) noexcept {
    (void)generation();
    std::ranges::fill(data, std::byte{0});
    const std::size_t size = device_->config_size();
    if (offset >= size) return;
    const auto at = static_cast<std::size_t>(offset);
    device_->read_config(at, data.first(std::min(data.size(), size - at)));
}

void VirtioCore::write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept {
    {
        const std::lock_guard lock{mutex_};
        if (phase_ == Phase::Stopping) return;
    }
    const std::size_t size = device_->config_size();
    if (offset >= size || data.size() > size - offset) return misuse_.count();
    device_->write_config(static_cast<std::size_t>(offset), data);
}

void VirtioCore::interrupts_moved() noexcept {
    if (!live_.load(std::memory_order_acquire) || move_posted_.exchange(true)) return;
    host_.loop.post([this] {
        move_posted_.store(false);
        if (started_) device_->interrupts_moved();
    });
}

void VirtioCore::config_changed() noexcept {
    config_moved_.store(true);
    if (live_.load(std::memory_order_acquire)) interrupts_.config_changed();
}

void VirtioCore::needs_reset(std::string_view why) noexcept {
    broken_.count(why);
    demand_reset();
}

/// Virtio 1.2, 2.1.2. The bit is for a driver that is there; a reset that is under way makes it go away again.
void VirtioCore::demand_reset() noexcept {
    std::uint8_t now = status_.load();
    while ((now & kDriverOk) != 0 && (now & kNeedsReset) == 0) {
        if (!status_.compare_exchange_weak(now, now | kNeedsReset)) continue;
        if (live_.load(std::memory_order_acquire)) interrupts_.config_changed();
        return;
    }
}

}  // namespace qvm
