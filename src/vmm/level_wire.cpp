// SPDX-License-Identifier: Apache-2.0
#include "vmm/level_wire.hpp"

namespace qvm {

void LevelWire::set(bool high) noexcept {
    const std::scoped_lock lock{mutex_};
    high_ = high;
    input_.set(high);
}

bool LevelWire::tell_end(EndListener& listener) {
    listeners_.push_back(&listener);
    return true;
}

void LevelWire::listen(EventLoop& loop) {
    watch_ = loop.watch(end_, [this] { ended(); });
}

/// On the loop's thread. Those who listen let go of what is over; the rest still pulls.
void LevelWire::ended() noexcept {
    for (EndListener* listener : listeners_) listener->ended();
    const std::scoped_lock lock{mutex_};
    if (high_) input_.set(true);
}

}  // namespace qvm
