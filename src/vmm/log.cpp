// SPDX-License-Identifier: Apache-2.0
#include "vmm/log.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>

#include <array>
#include <bit>
#include <cstddef>

namespace qvm {
namespace {

constexpr std::size_t kQueueLength = 256;
constexpr std::array<const char*, kSeverityCount> kNames{"fatal", "internal", "error",  "warning",
                                                         "info",  "debug",    "verbose"};

spdlog::level::level_enum level_of(Severity severity) {
    switch (severity) {
        case Severity::Fatal:
        case Severity::Internal:
            return spdlog::level::critical;
        case Severity::Error:
            return spdlog::level::err;
        case Severity::Warn:
            return spdlog::level::warn;
        case Severity::Info:
            return spdlog::level::info;
        case Severity::Debug:
            return spdlog::level::debug;
        case Severity::Verbose:
            return spdlog::level::trace;
    }
    return spdlog::level::info;
}

spdlog::sink_ptr make_sink(LogDestination destination, const std::string& identifier) {
    spdlog::sink_ptr sink;
    switch (destination) {
        case LogDestination::Stdout:
            sink = std::make_shared<spdlog::sinks::stdout_sink_mt>();
            break;
        case LogDestination::Stderr:
            sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
            break;
        case LogDestination::Slog:
            sink = std::make_shared<spdlog::sinks::syslog_sink_mt>(identifier, LOG_PID, LOG_DAEMON, true);
            sink->set_pattern("%v");
            return sink;
        case LogDestination::None:
            return nullptr;
    }
    sink->set_pattern(identifier + ": %v");
    return sink;
}

std::vector<LogRule> default_rules() {
    return {{{Severity::Fatal, Severity::Internal, Severity::Error, Severity::Warn, Severity::Info},
             LogDestination::Stderr}};
}

constexpr std::size_t kDestinationCount = 4;

}  // namespace

/// One logger per severity, because each severity has a set of destinations of its own.
struct Log::Sinks {
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::array<std::shared_ptr<spdlog::async_logger>, kSeverityCount> loggers;
};

Log::Log(std::string_view system, const std::vector<LogRule>& rules) : sinks_{std::make_unique<Sinks>()} {
    const std::string identifier = system.empty() ? "qvm" : fmt::format("qvm[{}]", system);
    std::array<spdlog::sink_ptr, kDestinationCount> sinks;
    std::array<std::vector<spdlog::sink_ptr>, kSeverityCount> wanted;
    for (const LogRule& rule : rules.empty() ? default_rules() : rules) {
        auto& sink = sinks.at(static_cast<std::size_t>(rule.destination));
        if (!sink) sink = make_sink(rule.destination, identifier);
        for (const Severity severity : rule.severities)
            if (sink) wanted.at(static_cast<std::size_t>(severity)).push_back(sink);
    }
    sinks_->pool = std::make_shared<spdlog::details::thread_pool>(
        kQueueLength, 1, [] { ::pthread_setname_np(::pthread_self(), "log"); }, [] {});
    for (std::size_t i = 0; i < kSeverityCount; ++i) {
        if (wanted.at(i).empty()) continue;
        auto& logger = sinks_->loggers.at(i);
        logger = std::make_shared<spdlog::async_logger>(kNames.at(i), wanted.at(i).begin(), wanted.at(i).end(),
                                                        sinks_->pool, spdlog::async_overflow_policy::overrun_oldest);
        logger->set_level(spdlog::level::trace);
        logger->flush_on(spdlog::level::trace);
    }
}

// The pool's destructor lets its thread write out what is queued.
Log::~Log() = default;

bool Log::wants(Severity severity) const noexcept {
    return sinks_->loggers[static_cast<std::size_t>(severity)] != nullptr;
}

void Log::write(Severity severity, std::string_view text) noexcept {
    const auto& logger = sinks_->loggers[static_cast<std::size_t>(severity)];
    if (!logger) return;
    try {
        logger->log(level_of(severity), "{}: {}", kNames[static_cast<std::size_t>(severity)], text);
    } catch (...) {
        // A message that cannot be written must not end the VM.
    }
}

void GuestFault::count(std::string_view detail) noexcept {
    const std::uint64_t times = total_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (!std::has_single_bit(times)) return;
    try {
        log_.warn(fmt::format("{}{}{}{}", what_, detail.empty() ? "" : ": ", detail,
                              times == 1 ? "" : fmt::format(" ({} times so far)", times)));
    } catch (...) {
        // As above.
    }
}

}  // namespace qvm
