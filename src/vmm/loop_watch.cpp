// SPDX-License-Identifier: Apache-2.0
#include "vmm/loop_watch.hpp"

#include <poll.h>

#include <cerrno>
#include <utility>

#include "vmm/event_fd.hpp"

namespace qvm {

LoopWatch::LoopWatch(Home& home, int fd, std::uint32_t events, std::function<void(std::uint32_t)> ready)
    : home_{home}, fd_{fd}, events_{events}, ready_{std::move(ready)} {}

LoopWatch::LoopWatch(Home& home, const EventFd& event, std::function<void()> signalled)
    : home_{home}, fd_{event.fd()}, ready_{[signalled = std::move(signalled)](std::uint32_t) { signalled(); }} {}

void LoopWatch::arm() noexcept {
    io_uring_sqe* const entry = home_.next_entry();
    if (events_)
        ::io_uring_prep_poll_add(entry, fd_, *events_);
    else
        ::io_uring_prep_read(entry, fd_, &count_, sizeof count_, 0);
    ::io_uring_sqe_set_data(entry, this);
    armed_ = true;
}

void LoopWatch::end() noexcept {
    ended_ = true;
    if (armed_) return home_.cancel(*this);
    if (!calling_) home_.forget(*this);
}

void LoopWatch::done(int result) noexcept {
    armed_ = false;
    if (!ended_ && result < 0) return failed(-result);
    if (!ended_) call(events_ ? result : POLLIN);
    if (ended_) return home_.forget(*this);
    arm();
}

/// The callback may end its own watch: what is running must stay until it has returned.
void LoopWatch::call(int result) noexcept {
    calling_ = true;
    ready_(static_cast<std::uint32_t>(result));
    calling_ = false;
}

/// A poll that ended without an answer. Linux ends one of a terminal with EINVAL, and any with ECANCELED, now and then
/// although nothing is wrong; what cannot be polled at all is told once and then left alone.
void LoopWatch::failed(int error) noexcept {
    const bool passing = error == EINVAL || error == ECANCELED || error == EAGAIN || error == EINTR;
    if (passing && events_) return arm();
    if (error == ECANCELED || error == EINTR) return arm();
    call(POLLERR);
    if (ended_) home_.forget(*this);
}

}  // namespace qvm
