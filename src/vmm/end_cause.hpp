// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>
#include <string_view>

namespace qvm {

/// Why a VM ended.
enum class EndCause {
    PowerOff,          ///< the guest switched itself off
    Reset,             ///< the guest asked for a reset; a supervisor starts the next qvm
    TripleFault,       ///< x86: the guest could not take an exception; a reset on a real board
    Forced,            ///< SIGQUIT, or a second SIGTERM or SIGINT
    Watchdog,          ///< a watchdog vdev bit
    UnsupportedAbort,  ///< the guest did what `unsupported ... abort` forbids
    VdevError,         ///< a vdev cannot go on
    Unexpected,        ///< the kernel cannot go on with a vCPU
    HostError,         ///< the host failed after the guest had started
};

/// What the world is told of a cause.
struct EndFacts {
    EndCause cause;
    std::string_view name;  ///< for programs: `exit_cause` of the status
    std::string_view text;  ///< for people
    int exit_code;          ///< of the process (qvmconf specification 5.3)
    bool alarm;             ///< stderr hears of it, wherever the log goes
};
[[nodiscard]] const EndFacts& facts_of(EndCause cause) noexcept;

/// How anything inside the VM asks for its end. The first cause wins. May be called from any thread.
class VmControl {
public:
    virtual ~VmControl() = default;
    virtual void end(EndCause cause) noexcept = 0;
    /// Asks for a dump of the guest and, if `then` says so, for the end after it: no guest code runs in between. Where
    /// the configuration has no place for dumps only the end is left. Comes back at once.
    virtual void dump(std::optional<EndCause> then) noexcept = 0;
    /// Somebody has asked for it. vCPUs look at this after each exit, so that the one that wrote the power-off register
    /// executes nothing behind that write.
    [[nodiscard]] bool ended() const noexcept { return ended_.load(std::memory_order_relaxed); }

protected:
    std::atomic<bool> ended_{false};
};

}  // namespace qvm
