// SPDX-License-Identifier: Apache-2.0
#include "vmm/event_fd.hpp"

#include <sys/eventfd.h>

#include <cstdint>

#include "vmm/error.hpp"

namespace qvm {

EventFd::EventFd() : fd_{check("eventfd", ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))} {}

void EventFd::signal() const noexcept {
    const std::uint64_t one = 1;
    // The only failure is a full counter, and a full counter is a signal already.
    [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
}

bool EventFd::drain() const noexcept {
    std::uint64_t count = 0;
    return ::read(fd_.get(), &count, sizeof count) == sizeof count;
}

}  // namespace qvm
