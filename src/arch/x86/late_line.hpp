// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vmm/irq_line.hpp"

namespace qvm::x86 {

/// A wire whose other end is known only once all controllers are.
class LateLine final : public IrqLine {
public:
    void connect(IrqLine& line) noexcept { line_ = &line; }
    void set(bool high) noexcept override {
        if (line_ != nullptr) line_->set(high);
    }

private:
    IrqLine* line_ = nullptr;
};

}  // namespace qvm::x86
