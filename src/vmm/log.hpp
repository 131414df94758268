// SPDX-License-Identifier: Apache-2.0
// Messages by severity, each severity sent to the destinations that `logger` lines name. Severities are a set and not
// a threshold, as in QNX's qvm.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qvm {

enum class Severity : std::uint8_t { Fatal, Internal, Error, Warn, Info, Debug, Verbose };
inline constexpr std::size_t kSeverityCount = 7;

enum class LogDestination : std::uint8_t { Stdout, Stderr, Slog, None };

/// One `logger` line: these severities go there.
struct LogRule {
    std::vector<Severity> severities;
    LogDestination destination;
    bool operator==(const LogRule&) const = default;
};

/// Writing happens on a thread of the log's own, so a caller never waits for a terminal or a file; when its queue is
/// full, the oldest message is dropped. Destruction writes out what is queued. May be used from any thread.
class Log {
public:
    /// `system` names the VM in syslog. Without rules: fatal, internal, error, warn and info to stderr. A severity
    /// that no rule names is silent once there is a rule.
    Log(std::string_view system, const std::vector<LogRule>& rules);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void write(Severity severity, std::string_view text) noexcept;
    void error(std::string_view text) noexcept { write(Severity::Error, text); }
    void warn(std::string_view text) noexcept { write(Severity::Warn, text); }
    void info(std::string_view text) noexcept { write(Severity::Info, text); }
    void debug(std::string_view text) noexcept { write(Severity::Debug, text); }

    [[nodiscard]] bool wants(Severity severity) const noexcept;

private:
    struct Sinks;
    std::unique_ptr<Sinks> sinks_;
};

/// Counts something that the guest did wrong and tells the log about the 1st, 2nd, 4th, 8th... time only, so that a
/// hostile guest can neither fill a disk nor slow its own exits. Lock-free; may be used from any thread.
class GuestFault {
public:
    GuestFault(Log& log, std::string_view what) : log_{log}, what_{what} {}
    void count() noexcept { count({}); }
    /// `detail`: what it was this time.
    void count(std::string_view detail) noexcept;
    [[nodiscard]] std::uint64_t total() const noexcept { return total_.load(std::memory_order_relaxed); }

private:
    Log& log_;
    std::string what_;
    std::atomic<std::uint64_t> total_{0};
};

}  // namespace qvm
