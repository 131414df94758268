// SPDX-License-Identifier: Apache-2.0
#include "vmm/loop_pollers.hpp"

#include <algorithm>

namespace qvm {

void LoopPollers::attend(IoPoller& poller) noexcept {
    if (std::ranges::find(pollers_, &poller) != pollers_.end()) return;
    if (pollers_.empty() && idle_since_) window_.learn(Clock::now() - *idle_since_);
    idle_since_.reset();
    pollers_.push_back(&poller);
}

void LoopPollers::ignore(IoPoller& poller) noexcept {
    std::ranges::replace(pollers_, &poller, static_cast<IoPoller*>(nullptr));
}

// Whoever is called may call attend() and ignore().
bool LoopPollers::poll() noexcept {
    bool worked = false;
    std::size_t turn = 0;
    while (turn < pollers_.size()) {
        IoPoller* const poller = pollers_[turn++];
        if (poller != nullptr && poller->poll()) worked = true;
    }
    sweep();
    if (worked) idle_since_.reset();
    return worked;
}

bool LoopPollers::may_rest() noexcept {
    if (pollers_.empty()) return true;
    return !is_worth_waiting() && rest();
}

bool LoopPollers::is_worth_waiting() noexcept {
    if (window_.never()) return false;
    const auto now = Clock::now();
    if (!idle_since_) idle_since_ = now;
    return now - *idle_since_ < window_.length();
}

/// Whether everybody rests.
bool LoopPollers::rest() noexcept {
    for (IoPoller*& poller : pollers_)
        if (poller != nullptr && !poller->rest()) poller = nullptr;
    sweep();
    return pollers_.empty();
}

void LoopPollers::sweep() noexcept { std::erase(pollers_, nullptr); }

}  // namespace qvm
