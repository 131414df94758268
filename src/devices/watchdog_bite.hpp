// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "devices/vdev.hpp"

namespace qvm {

/// What a watchdog does when its guest has let it run out: the option `action` (kWatchdogAction).
class WatchdogBite {
public:
    /// Throws ConfigError: an action that raises an interrupt needs `intr`.
    WatchdogBite(const VdevSpec& spec, VdevContext& context);

    /// From any thread.
    void operator()() noexcept;

private:
    std::string who_;
    bool dump_ = false;
    bool terminate_ = false;
    IrqLine* line_ = nullptr;  ///< to raise, if it is to raise one
    VmControl& control_;
    Log& log_;
};

}  // namespace qvm
