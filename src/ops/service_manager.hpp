// SPDX-License-Identifier: Apache-2.0
// The notification protocol of systemd, as sd_notify(3) documents it under "Notes": one datagram of VARIABLE=value
// lines to a unix socket.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "vmm/clock.hpp"
#include "vmm/unique_fd.hpp"

namespace qvm {

/// What the service manager has asked for.
struct NotifySettings {
    std::string socket{};  ///< a path, or `@` and an abstract name; empty: nobody wants to be told
    std::optional<std::chrono::microseconds> watchdog{};  ///< how long without a sign of life is too long
};

/// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them from the environment: programs that this
/// process starts are not the service. A watchdog that is meant for another pid is none. Call it before there are
/// threads.
[[nodiscard]] NotifySettings take_notify_settings();

/// Tells the service manager. Without one, nothing happens; one that does not take a message within 200 ms misses it.
/// Texts are single lines. Main thread only.
class ServiceManager {
public:
    explicit ServiceManager(const NotifySettings& settings) noexcept;

    void ready(std::string_view status) const noexcept;     ///< READY=1 with STATUS= and MAINPID=
    void status(std::string_view text) const noexcept;      ///< STATUS=
    void stopping(std::string_view status) const noexcept;  ///< STOPPING=1 with STATUS=
    void alive() const noexcept;                            ///< WATCHDOG=1

    /// Somebody listens, or at least should.
    [[nodiscard]] bool is_there() const noexcept { return static_cast<bool>(socket_); }

private:
    void send(std::string_view message) const noexcept;

    UniqueFd socket_;  ///< connected
};

/// When the next sign of life is due: at half of the time that was asked for, as sd_watchdog_enabled(3) recommends.
class WatchdogSchedule {
public:
    /// Without a limit nothing is ever due. The first one is due at once.
    WatchdogSchedule(std::optional<std::chrono::microseconds> limit, const Clock& clock) noexcept;

    /// For poll(2): milliseconds until then, rounded up; -1 if never.
    [[nodiscard]] int poll_timeout() const noexcept;
    /// True once per half of the limit.
    [[nodiscard]] bool due() noexcept;

private:
    const Clock& clock_;
    std::optional<std::chrono::nanoseconds> period_{};
    std::chrono::nanoseconds next_;
};

}  // namespace qvm
