// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace qvm {

/// Why a VM ended. main() turns it into the exit code.
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

/// How anything inside the VM asks for its end. The first cause wins. May be called from any thread.
class VmControl {
public:
    virtual ~VmControl() = default;
    virtual void end(EndCause cause) noexcept = 0;
};

}  // namespace qvm
