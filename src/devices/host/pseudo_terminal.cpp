// SPDX-License-Identifier: Apache-2.0
#include "devices/host/pseudo_terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "devices/host/run_on_loop.hpp"
#include "vmm/error.hpp"

namespace qvm {

namespace {

[[nodiscard]] std::string other_side(int master) {
    std::array<char, 64> name{};
    const int failed = ::ptsname_r(master, name.data(), name.size());
    if (failed != 0) throw HostError{errno_text("cannot find the other side of /dev/ptmx", failed)};
    return name.data();
}

/// Opening and closing the other side once makes the kernel report "hung up" until somebody opens it.
void prepare_other_side(const std::string& path) {
    const UniqueFd fd{
        check("cannot open the other side of /dev/ptmx", ::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC))};
    termios mode{};
    if (::tcgetattr(fd.get(), &mode) != 0) return;
    ::cfmakeraw(&mode);
    ::tcsetattr(fd.get(), TCSANOW, &mode);
}

[[nodiscard]] UniqueFd open_master() {
    UniqueFd fd{check("cannot open /dev/ptmx", ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK))};
    check("grantpt", ::grantpt(fd.get()));
    check("unlockpt", ::unlockpt(fd.get()));
    return fd;
}

}  // namespace

PseudoTerminal::PseudoTerminal()
    : master_{std::make_shared<HostStream>(open_master())}, path_{other_side(master_->fd())} {
    prepare_other_side(path_);
    opens_ = UniqueFd{check("inotify", ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC))};
    check("inotify on the other side of /dev/ptmx", ::inotify_add_watch(opens_.get(), path_.c_str(), IN_OPEN));
}

void PseudoTerminal::start(EventLoop& loop, Changed changed) {
    loop_ = &loop;
    changed_ = std::move(changed);
    opened_ = loop.watch(opens_.get(), POLLIN, [this](std::uint32_t) {
        std::array<char, 4096> events;
        while (::read(opens_.get(), events.data(), events.size()) > 0) {
        }
        look();
    });
}

void PseudoTerminal::stop() {
    if (loop_ == nullptr) return;
    run_on_loop(*loop_, [this] {
        opened_ = Watch{};
        hung_up_ = Watch{};
    });
}

/// Both kinds of event may be late, so each only makes us look at how things are. "Open" is told each time: between
/// two looks the other side may have been closed and opened again, and a reader has stopped at that.
void PseudoTerminal::look() {
    pollfd item{.fd = master_->fd(), .events = 0, .revents = 0};
    ::poll(&item, 1, 0);
    const bool open = (item.revents & POLLHUP) == 0;
    if (!open && !open_) return;
    if (open != open_) hung_up_ = open ? loop_->watch(master_->fd(), 0, [this](std::uint32_t) { look(); }) : Watch{};
    open_ = open;
    changed_(open ? master_ : nullptr);
}

}  // namespace qvm
