// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vcpu/exit.hpp"

namespace qvm {

/// One virtual CPU. run() and state() on its own thread, kick() from any.
class Vcpu {
public:
    virtual ~Vcpu() = default;
    /// Runs guest code until something has to be done.
    [[nodiscard]] virtual Exit run() noexcept = 0;
    /// Makes the run() in progress, or the next one, return soon. Used to stop; not undone.
    virtual void kick() noexcept = 0;
    /// Registers, mode and the bytes at the instruction pointer, for people; several lines.
    [[nodiscard]] virtual std::string state() = 0;
};

}  // namespace qvm
