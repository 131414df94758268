// SPDX-License-Identifier: Apache-2.0
#include "devices/pci/intx.hpp"

namespace qvm {

void SharedWire::pull(bool asserted) noexcept {
    const std::scoped_lock lock{mutex_};
    const bool before = pulling_ != 0;
    pulling_ = asserted ? pulling_ + 1 : pulling_ - 1;
    if (before != (pulling_ != 0)) line_.set(!before);
}

bool SharedWire::tell_end(EndListener& listener) {
    const bool is_first = listeners_.empty();
    listeners_.push_back(&listener);
    return !is_first || line_.tell_end(*this);
}

void SharedWire::ended() noexcept {
    for (EndListener* listener : listeners_) listener->ended();
}

void SharedWire::shut() noexcept {
    for (EndListener* listener : listeners_) listener->shut();
}

void IntxPin::set(bool high) noexcept {
    const std::scoped_lock lock{mutex_};
    high_ = high;
    drive();
}

bool IntxPin::high() const noexcept {
    const std::scoped_lock lock{mutex_};
    return high_;
}

void IntxPin::open(bool open) noexcept {
    const std::scoped_lock lock{mutex_};
    open_ = open;
    drive();
}

void IntxPin::drive() noexcept {
    const bool wanted = high_ && open_;
    if (wanted == pulling_) return;
    pulling_ = wanted;
    wire_.pull(wanted);
}

}  // namespace qvm
