// SPDX-License-Identifier: Apache-2.0
#include "devices/virtio/blk_queue.hpp"

#include <utility>

namespace qvm {

namespace {

/// Requests begun before the thread's other devices have their turn.
constexpr unsigned kTurn = 64;

}  // namespace

void BlkQueue::start(VirtioTransport& transport, QueueEnd& end, std::uint64_t features) {
    transport_ = &transport;
    end_ = &end;
    features_ = features;
    queue_.emplace(memory_, end.setup());
    for (std::size_t i = jobs_.size(); i < end.setup().size; ++i)
        idle_.push_back(&jobs_.emplace_back(loop_, disk_, static_cast<BlkJob::Owner&>(*this)));
    has_broken_ = false;
    loop_.fix_memory(memory_);
    kicked_ = loop_.watch(end.kick(), [this] { attend(); });
    attend();
}

void BlkQueue::stop(std::function<void()> stopped) noexcept {
    stopped_ = std::move(stopped);
    kicked_ = Watch{};
    loop_.ignore(*this);
    attended_ = false;
    end_if_idle();
}

void BlkQueue::attend() noexcept {
    if (std::exchange(attended_, true)) return;
    queue_->disable_notifications();
    loop_.attend(*this);
}

/// Once there is one.
void BlkQueue::fix_file() noexcept {
    if (fixed_ == disk_.file()) return;
    fixed_ = disk_.file();
    loop_.fix_file(fixed_->fd());
    if (fixed_->direct_fd() >= 0) loop_.fix_file(fixed_->direct_fd());
}

void BlkQueue::unfix_file() noexcept {
    if (fixed_ == nullptr) return;
    loop_.unfix_file(fixed_->fd());
    if (fixed_->direct_fd() >= 0) loop_.unfix_file(fixed_->direct_fd());
    fixed_ = nullptr;
}

bool BlkQueue::poll() noexcept {
    fix_file();
    bool worked = interrupt();
    for (unsigned left = kTurn; left != 0 && !idle_.empty(); --left) {
        auto chain = queue_->pop();
        if (!chain) break;
        take(std::move(*chain));
        worked = true;
    }
    check_ring();
    return interrupt() || worked;
}

bool BlkQueue::rest() noexcept {
    attended_ = queue_->enable_notifications();
    if (attended_) queue_->disable_notifications();
    return attended_;
}

void BlkQueue::take(Chain chain) noexcept {
    if (!can_be_answered(chain)) {
        disk_.malformed.count();
        queue_->push(std::move(chain), 0);
        has_answers_ = true;
        return;
    }
    BlkJob& job = *idle_.back();
    idle_.pop_back();
    job.begin(std::move(chain), disk_.limits(features_));
}

void BlkQueue::answered(BlkJob& job, Chain chain, std::uint32_t written) noexcept {
    idle_.push_back(&job);
    if (stopped_) {
        chain = Chain{};
        return end_if_idle();
    }
    queue_->push(std::move(chain), written);
    has_answers_ = true;
    attend();
}

/// Once for all answers of a turn.
bool BlkQueue::interrupt() noexcept {
    if (!std::exchange(has_answers_, false)) return false;
    if (queue_->interrupt_wanted()) end_->interrupt();
    return true;
}

void BlkQueue::check_ring() noexcept {
    if (queue_->broken() && !std::exchange(has_broken_, true)) transport_->needs_reset(queue_->fault());
}

/// What is still in flight reads and writes guest memory.
void BlkQueue::end_if_idle() noexcept {
    if (idle_.size() != jobs_.size()) return;
    queue_.reset();
    unfix_file();
    has_answers_ = false;
    std::exchange(stopped_, nullptr)();
}

}  // namespace qvm
