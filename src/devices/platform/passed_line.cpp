// SPDX-License-Identifier: Apache-2.0
#include "devices/platform/passed_line.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <utility>

#include "vmm/error.hpp"

namespace qvm {

PassedLine::PassedLine(std::string title, std::unique_ptr<HostInterrupt> host, IrqLine& line, const Services& services)
    : title_{std::move(title)}, host_{std::move(host)}, line_{line}, services_{services} {
    if (!line_.tell_end(*this))
        throw HostError{fmt::format("{}: the guest's interrupt controller cannot tell when it has ended", title_)};
}

void PassedLine::start() {
    watch_ = services_.loop.watch(host_->fd(), POLLIN, [this](std::uint32_t) { fired(); });
    if (!host_->unmask()) throw HostError{errno_text(fmt::format("{} cannot be unmasked", title_), errno)};
}

void PassedLine::fired() noexcept {
    const HostInterrupt::Taken taken = host_->take();
    if (taken == HostInterrupt::Taken::Nothing) return;
    if (taken == HostInterrupt::Taken::Gone) return lose("has been taken away by the host");
    raised_.fetch_add(1, std::memory_order_relaxed);
    const std::scoped_lock lock{mutex_};
    again_ = std::exchange(high_, true);
    line_.set(true);
}

/// A guest whose device goes away cannot go on as if it had not. Until all has ended the host may say so again and
/// again.
void PassedLine::lose(const char* what) noexcept {
    if (lost_.exchange(true)) return;
    services_.log.error(fmt::format("{} {}: the VM ends", title_, what));
    services_.control.end(EndCause::HostError);
}

void PassedLine::ended() noexcept {
    const std::scoped_lock lock{mutex_};
    if (!std::exchange(high_, false)) return;
    line_.set(false);
    if (std::exchange(again_, false)) {
        high_ = true;
        return line_.set(true);
    }
    if (!host_->unmask()) lose("cannot be unmasked");
}

}  // namespace qvm
