// SPDX-License-Identifier: Apache-2.0
// What a running VM says of itself in its runtime directory, as JSON (docs/supervision.md has the members).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/end_cause.hpp"

namespace qvm {

/// Since 1970-01-01 00:00:00 UTC.
using WallTime = std::chrono::nanoseconds;

/// "2026-01-31T23:59:59.250Z" (RFC 3339).
[[nodiscard]] std::string utc_text(WallTime time);

/// One thread as the kernel has it.
struct ThreadFacts {
    std::string name{};
    pid_t tid = 0;
    std::string policy{};  ///< other, fifo, rr, batch, idle, deadline
    int priority = 0;      ///< of fifo and rr, else 0
    std::string cpus{};    ///< where it may run, as in "0-3,7"
};

/// The threads of this process in the kernel's order: the main thread, then the others as they began, whatever their
/// tids (they start again at the bottom after kernel.pid_max). One that ends meanwhile is left out.
[[nodiscard]] std::vector<ThreadFacts> threads_of_this_process();

/// "0-3,7" for these CPUs, which are in order.
[[nodiscard]] std::string cpu_list(const std::vector<unsigned>& cpus);

struct PseudoTerminalFacts {
    std::string vdev;
    std::string path;
};

/// `env`: what is not known before the start. Does not change as long as the VM lives.
struct EnvFacts {
    std::string_view system{};  ///< empty: none
    std::string_view version{};
    WallTime start{};
    std::vector<ThreadFacts> threads{};
    std::string_view plan = "null";  ///< JSON: the placement of threads as configured
    std::string_view map{};          ///< JSON: memory, ports and interrupt lines with their owners
    std::vector<PseudoTerminalFacts> pseudo_terminals{};
};
[[nodiscard]] std::string env_to_json(const EnvFacts& facts);

enum class Phase { Building, Running, Suspended, Stopping, Ended };
[[nodiscard]] std::string_view phase_name(Phase phase) noexcept;

/// `status`, and `<name>@last` with Phase::Ended.
struct StatusFacts {
    std::string_view system{};  ///< empty: none
    Phase phase = Phase::Building;
    WallTime since{};                 ///< the beginning of that phase
    std::optional<EndCause> cause{};  ///< known from Phase::Stopping on
};
[[nodiscard]] std::string status_to_json(const StatusFacts& facts);

}  // namespace qvm
