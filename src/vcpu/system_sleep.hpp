// SPDX-License-Identifier: Apache-2.0
// The sleep of the whole machine, which one vCPU asks for when it has switched the others off (Arm DEN0022, 5.19,
// SYSTEM_SUSPEND). Whether they are off can only be told while nothing runs, so that another thread has to see to it.
#pragma once

#include "vcpu/vcpu_group.hpp"
#include "vmm/event_fd.hpp"

namespace qvm {

/// For the one thread that waits.
class SystemSleep {
public:
    enum class Change { None, Asleep, Awake, Failed };

    /// For VcpuWorld.
    [[nodiscard]] const EventFd& bell() const noexcept { return bell_; }
    /// Readable when serve() has something to do.
    [[nodiscard]] int fd() const noexcept { return bell_.fd(); }
    /// Answers the vCPUs that ask. What has become of the machine's sleep since the last call; one that it began is
    /// always told, one that it woke up from only if it has not begun another since.
    Change serve(VcpuGroup& vcpus);

private:
    EventFd bell_;
    bool asleep_ = false;
};

}  // namespace qvm
