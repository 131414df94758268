// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "vmm/irq_line.hpp"

namespace qvm::x86 {

/// A wire whose other end is known only once all controllers are.
class LateLine final : public IrqLine {
public:
    void connect(IrqLine& line) {
        line_ = &line;
        for (EndListener* listener : listeners_) line.tell_end(*listener);
    }
    void set(bool high) noexcept override {
        if (line_ != nullptr) line_->set(high);
    }

    bool tell_end(EndListener& listener) override {
        listeners_.push_back(&listener);
        return line_ == nullptr || line_->tell_end(listener);
    }
    [[nodiscard]] int trigger() noexcept override { return line_ == nullptr ? -1 : line_->trigger(); }

private:
    std::vector<EndListener*> listeners_;
    IrqLine* line_ = nullptr;
};

}  // namespace qvm::x86
