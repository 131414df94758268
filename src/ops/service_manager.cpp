// SPDX-License-Identifier: Apache-2.0
#include "ops/service_manager.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace qvm {
namespace {

constexpr suseconds_t kPatience = 200'000;  // microseconds

std::string take_variable(const char* name) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): before there are threads
    const char* const value = std::getenv(name);
    std::string text = value != nullptr ? value : "";
    ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
    return text;
}

std::optional<std::int64_t> positive(const std::string& text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value <= 0) return std::nullopt;
    return value;
}

/// Invalid if the name is none that a unix socket can have.
UniqueFd connect_to(std::string_view name) noexcept {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const bool abstract = name.starts_with('@');
    if ((!abstract && !name.starts_with('/')) || name.size() < 2 || name.size() >= sizeof address.sun_path) return {};
    std::memcpy(address.sun_path, name.data(), name.size());
    if (abstract) address.sun_path[0] = '\0';
    // An abstract name has a length and no end mark.
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (abstract ? 0 : 1));
    UniqueFd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return {};
    const timeval limit{0, kPatience};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

}  // namespace

NotifySettings take_notify_settings() {
    NotifySettings settings{.socket = take_variable("NOTIFY_SOCKET")};
    const auto limit = positive(take_variable("WATCHDOG_USEC"));
    const std::string pid = take_variable("WATCHDOG_PID");
    const bool ours = pid.empty() || positive(pid) == ::getpid();
    if (limit && ours && !settings.socket.empty()) settings.watchdog = std::chrono::microseconds{*limit};
    return settings;
}

ServiceManager::ServiceManager(const NotifySettings& settings) noexcept : socket_{connect_to(settings.socket)} {}

void ServiceManager::ready(std::string_view status) const noexcept {
    send(fmt::format("READY=1\nSTATUS={}\nMAINPID={}", status, ::getpid()));
}
void ServiceManager::status(std::string_view text) const noexcept { send(fmt::format("STATUS={}", text)); }
void ServiceManager::stopping(std::string_view status) const noexcept {
    send(fmt::format("STOPPING=1\nSTATUS={}", status));
}
void ServiceManager::alive() const noexcept { send("WATCHDOG=1"); }

void ServiceManager::send(std::string_view message) const noexcept {
    if (socket_) (void)::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL);
}

WatchdogSchedule::WatchdogSchedule(std::optional<std::chrono::microseconds> limit, const Clock& clock) noexcept
    : clock_{clock}, next_{clock.monotonic()} {
    if (limit) period_ = std::chrono::nanoseconds{*limit} / 2;
}

int WatchdogSchedule::poll_timeout() const noexcept {
    if (!period_) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_ - clock_.monotonic()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

bool WatchdogSchedule::due() noexcept {
    const auto now = clock_.monotonic();
    if (!period_ || now < next_) return false;
    next_ = now + *period_;
    return true;
}

}  // namespace qvm
